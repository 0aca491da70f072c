"""Building: the sources, the site, and the checks of it."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from sphinx.cmd.build import build_main

from docs.site import checking, fonts, places, staging
from keras_optim.catalog import Row


def build(rows: Sequence[Row], folder: Path = places.BUILD) -> list[str]:
    """Build the site, and return its faults. Warnings are errors, as are links without a target."""
    source, html = folder / "source", folder / "html"
    staging.stage(rows, source)
    fonts.write(folder / "static" / "math.woff2")
    return rendered(source, html)


def rendered(source: Path, html: Path) -> list[str]:
    """Build a folder of sources strictly, and return the faults of the built site."""
    shutil.rmtree(html, ignore_errors=True)
    settings = str(places.HERE)
    status = build_main(
        ["-q", "-W", "--keep-going", "-E", "-d", str(html.parent / "doctrees"), "-c", settings,
         "-b", "html", str(source), str(html)]
    )  # fmt: skip
    if status:
        return [f"Sphinx ended with status {status}; its warnings stand above."]
    return checking.faults(html)
