"""Navigation: the pages of the site in their order, by caption."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from docs.site.rows import FAMILIES
from keras_optim.catalog import Row

GUIDES = (
    *("five", "choos", "schedul", "decay", "averag", "precision", "rate", "full", "minimize"),
    *("coming", "migrate", "contin", "convert", "device", "distribut", "compar", "writ", "tools"),
    *("wrapper", "reprod"),
)
"""Beginnings of words in the names of guides, in the order of the navigation."""
RESULTS = ("evidence", "results/index", "verify", "toys")
FACTS = ("performance", "parity", "reliability")
PROJECT = ("readme", "contributing", "changelog")
TITLES = {"readme": "README <readme>"}
"""Titles in the navigation that are not those of the pages."""


def navigation(rows: Sequence[Row], folder: Path) -> dict[str, list[str]]:
    """Return the pages of a folder of sources, by caption. A page that is not there is left out."""
    every = sorted(
        file.relative_to(folder).with_suffix("").as_posix() for file in folder.rglob("*.md")
    )
    apart = {*RESULTS, *FACTS, *PROJECT, "index"}
    guides = [page for page in every if "/" not in page and page not in apart]
    guides += [page for page in every if page.startswith("guides/")]
    families = [name for name in FAMILIES if any(row.family == name for row in rows)]
    optimizers = ["index", "gallery", *(f"families/{name}" for name in families)]
    results = [page for page in every if page.startswith("results/")]
    found = {
        "Guides": ordered(guides),
        "Learn": [page for page in every if page.startswith("learn/")],
        "Optimizers": _there([f"optimizers/{page}" for page in optimizers], every),
        "Comparison results": _there(dict.fromkeys([*RESULTS, *results]), every),
        "Reference": [
            "reference/index",
            *_there(FACTS, every),
        ],
        "Project": [TITLES.get(page, page) for page in _there(PROJECT, every)],
    }
    return {caption: pages for caption, pages in found.items() if pages}


def ordered(guides: Iterable[str]) -> list[str]:
    """Return guides in the order of the navigation; those without a place come last.

    >>> ordered(["guides/other", "guides/comparing", "guides/choosing"])
    ['guides/choosing', 'guides/comparing', 'guides/other']
    """

    def position(page: str) -> tuple[int, str]:
        name = page.rpartition("/")[2]
        found = [i for i, word in enumerate(GUIDES) if word in name]
        return (min(found, default=len(GUIDES)), page)

    return sorted(guides, key=position)


def _there(pages: Iterable[str], every: Sequence[str]) -> list[str]:
    return [page for page in pages if page in every]


def tree(caption: str, pages: Sequence[str]) -> str:
    """Return the block of a part of the navigation."""
    lines = "\n".join(pages)
    return f"```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{lines}\n```\n"
