"""Pictures of an optimizer's paths on toy functions, drawn while the site is built.

The one place that knows of them. `python -m benchmarks.bench toys --write` writes their file,
`docs/paths.json`; without it, pages have no such section.
"""

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.toys import drawing, functions
from benchmarks.toys import paths as toy_paths
from benchmarks.toys.functions import Function
from docs.site import places
from docs.site.markdown import inside
from docs.site.rows import title
from keras_optim.catalog import Row

SHOWN = ("rosenbrock", "quadratic-1e2")
"""Functions of an optimizer's page."""
FOLDER = "pictures/paths"
RACE = ("sgd", "sgd[momentum=0.9]", "adam", "lion", "muon", "prodigy")


@functools.cache
def _paths() -> dict[str, dict[str, toy_paths.Path]]:
    """Read the paths, by function and optimizer."""
    found, _ = toy_paths.read(places.DOCS / "paths.json")
    return {name: dict(each) for name, each in found.items()}


def available() -> bool:
    """Return whether there are paths to draw."""
    return bool(_paths())


def label(row: Row, function: str) -> str:
    """Return the label of a row's path on a function: a wrapper's has its inner optimizer."""
    known: Mapping[str, toy_paths.Path] = _paths().get(function, {})
    return next((key for key in known if key.partition("[")[0] == row.name), "")


def write(rows: Sequence[Row], folder: Path) -> None:
    """Write the pictures of rows, and those of all paths together, below a folder of sources."""
    to = folder / FOLDER
    to.mkdir(parents=True, exist_ok=True)
    for name, paths in _paths().items():
        function = functions.FUNCTIONS[name]
        _save(to / f"all-{name}.svg", drawing.gallery(function, paths))
        for row in rows:
            if name in SHOWN and (key := label(row, name)):
                still, moving = _files(row, name)
                _save(folder / still, drawing.still(function, key, paths[key]))
                _save(folder / moving, drawing.moving(function, key, paths[key]))
    if race := _paths().get(SHOWN[0]):
        _save(to / "race.svg", drawing.race(functions.FUNCTIONS[SHOWN[0]], race, RACE))


def _save(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")


def _files(row: Row, function: str) -> tuple[str, str]:
    return f"{FOLDER}/{row.name}-{function}.svg", f"{FOLDER}/{row.name}-{function}-moving.svg"


def paths(row: Row) -> str:
    """Return the section of a page with an optimizer's paths, or nothing."""
    pictures: list[str] = []
    words: list[str] = []
    for name in SHOWN:
        if key := label(row, name):
            function = functions.FUNCTIONS[name]
            still, moving = _files(row, name)
            about = f"Path of {title(row)} on {function.title}"
            pictures += [f"![{about}](../{still})", f"![{about}, moving](../{moving})"]
            words.append(_words(function, drawing.summary(_paths()[name][key], function)))
    if not pictures:
        return ""
    around = f" The path is that of `{label(row, SHOWN[0])}`." if row.family == "wrapper" else ""
    text = f"Each rate is the best of those that were tried.{around} [All paths](gallery.md)."
    return "\n\n".join([inside("paths", _listed(pictures)), "\n".join(words), text])


def _words(function: Function, summary: str) -> str:
    return f"* **{function.title}**, ${function.latex}$: {summary}."


def _listed(pictures: Sequence[str]) -> str:
    return "\n".join(f"* {picture}" for picture in pictures)


def gallery(rows: Sequence[Row]) -> str:
    """Return the page with all paths: a picture for each optimizer, and one for each function."""
    name = SHOWN[0]
    cards = [
        f"[{title(row)} ![its path](../{_files(row, name)[0]})]({row.name}.md)"
        for row in rows
        if label(row, name)
    ]
    parts = [
        "---\nhide-toc: true\n---",
        "# Gallery of paths",
        "Each optimizer on Rosenbrock's valley, from the same start: a ring marks it, a cross the "
        "minimum, a dot the end after 500 steps. Each has the best of 17 rates, and may leave the "
        "frame. A picture leads to its page, which has the rate.",
        inside("gallery", _listed(cards)),
    ]
    for function in functions.FUNCTIONS.values():
        if function.name in _paths():
            parts += [
                f"## {function.title}: {function.lesson}",
                f"$$\n{function.latex}\n$$",
                f"![All paths on {function.title}](../{FOLDER}/all-{function.name}.svg)",
            ]
    return "\n\n".join(parts) + "\n"


def home() -> str:
    """Return the picture of the home page, or nothing."""
    return f"![Six optimizers on a curved valley]({FOLDER}/race.svg)" if available() else ""
