"""Files of the paths: a figure and an animation for each, overviews and galleries."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path as File

from benchmarks.toys import drawing, page, paths, problem_figures
from benchmarks.toys.functions import FUNCTIONS
from benchmarks.toys.paths import Path
from keras_optim.compare.report import image_files

Say = Callable[[str], object]
Found = Mapping[str, Mapping[str, Path]]
PAGE_MOST, PAGE_SHARE, PAGE_DIGITS = 36, 1 / 200, 4
"""Points of a path in the docs; tolerance in heights of the drawing; digits."""


def write(found: Found, folder: File, say: Say) -> int:
    """Write all figures into a folder; return their number."""
    texts: dict[str, str] = {}
    for name, each in found.items():
        function = FUNCTIONS[name]
        say(f"drawing {function.title}: {len(each)} paths")
        for label, path in each.items():
            file = f"{name}/{_file(label)}"
            texts[f"{file}.svg"] = drawing.still(function, label, path)
            texts[f"{file}_moving.svg"] = drawing.moving(function, label, path)
        texts |= _sheets(name, each)
        texts[f"toy_{name}_all.svg"] = drawing.gallery(function, each)
    texts |= _problems()
    return _written(texts, folder)


def publish(found: Found, docs: File, say: Say) -> None:
    """Write thinned paths and the overviews into the docs."""
    short = {
        name: {
            label: paths.shortened(path, FUNCTIONS[name], PAGE_SHARE, PAGE_MOST, PAGE_DIGITS)
            for label, path in each.items()
        }
        for name, each in found.items()
    }
    paths.write(short, {}, docs / "paths.json")
    texts = _problems()
    for name, each in found.items():
        texts |= _sheets(name, each)
    count = _written(texts, docs / "figures" / "toys")
    page.fill(docs / "toys.md", found)
    say(f"{docs / 'paths.json'} and {count} figures")


def _sheets(name: str, each: Mapping[str, Path]) -> dict[str, str]:
    function = FUNCTIONS[name]
    return {
        f"toy_{name}.svg": drawing.overview(function, each),
        f"toy_{name}_moving.svg": drawing.race(function, each),
    }


def _problems() -> dict[str, str]:
    return {
        "reddi.svg": image_files.svg(problem_figures.reddi_figure),
        "wilson.svg": image_files.svg(problem_figures.wilson_figure),
    }


def _written(texts: Mapping[str, str], folder: File) -> int:
    for name, text in texts.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return len(texts)


def _file(label: str) -> str:
    return re.sub(r"[^\w.=-]+", "_", label).strip("_")
