"""Building: the sources, the site, and the checks of it."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from sphinx.cmd.build import build_main

from docs.site import checking, fonts, places, staging
from keras_optim.catalog import Row


def build(rows: Sequence[Row], folder: Path = places.BUILD) -> list[str]:
    """Build the site, and return its faults. Warnings are errors, as are links without a target."""
    staging.stage(rows, folder / "source")
    fonts.write(folder / "static" / "math.woff2")
    return rendered(folder / "source", folder / "html", folder / "static")


def rendered(source: Path, html: Path, made: Path) -> list[str]:
    """Build a folder of sources strictly, and return the faults of the built site.

    Args:
        source: With `index.md`.
        html: Of the site; removed before.
        made: Files beside those of `docs/site/static`: the font.
    """
    shutil.rmtree(html, ignore_errors=True)
    settings, static = str(places.HERE), f"html_static_path={places.HERE / 'static'},{made}"
    status = build_main(
        ["-q", "-W", "--keep-going", "-E", "-d", str(html.parent / "doctrees"), "-c", settings,
         "-D", static, "-b", "html", str(source), str(html)]
    )  # fmt: skip
    if status:
        return [f"Sphinx ended with status {status}; its warnings stand above."]
    return checking.faults(html)
