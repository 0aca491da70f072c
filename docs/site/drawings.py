"""Pictures of an optimizer's paths on toy functions.

The one place that knows of them: without their code or their numbers, pages have no such section.
"""

from pathlib import Path

from keras_optim.catalog import Row


def available() -> bool:
    """Return whether paths can be drawn."""
    return False


def paths(row: Row) -> str:
    """Return the section of a page with an optimizer's paths, or nothing."""
    return ""


def home(folder: Path) -> str:
    """Return the picture of the home page, or nothing."""
    return ""
