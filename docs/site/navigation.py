"""Navigation: the pages of the site in their order, by caption."""

import posixpath
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from docs.site.rows import FAMILIES
from keras_optim.catalog import Row

LINK = re.compile(r"\]\((?P<page>[\w./-]+)\.md\)")
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
        "Guides": ordered(guides, folder),
        "Learn": ordered([page for page in every if page.startswith("learn/")], folder),
        "Optimizers": _there([f"optimizers/{page}" for page in optimizers], every),
        "Comparison results": _there(dict.fromkeys([*RESULTS, *results]), every),
        "Reference": [
            "reference/index",
            *_there(FACTS, every),
        ],
        "Project": [TITLES.get(page, page) for page in _there(PROJECT, every)],
    }
    return {caption: pages for caption, pages in found.items() if pages}


def ordered(pages: Sequence[str], folder: Path) -> list[str]:
    """Return the pages of a part, in the order in which its index names them.

    Those that the index does not name come last. Without an index, the order is that of names.
    """
    index = next((page for page in pages if page.endswith("/index")), "")
    if not index:
        return sorted(pages)
    part = posixpath.dirname(index)
    text = (folder / f"{index}.md").read_text(encoding="utf-8")
    named = [posixpath.normpath(f"{part}/{match['page']}") for match in LINK.finditer(text)]
    known = [page for page in dict.fromkeys(named) if page in pages]
    return [index, *known, *sorted(set(pages) - {index, *known})]


def _there(pages: Iterable[str], every: Sequence[str]) -> list[str]:
    return [page for page in pages if page in every]


def tree(caption: str, pages: Sequence[str]) -> str:
    """Return the block of a part of the navigation."""
    lines = "\n".join(pages)
    return f"```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{lines}\n```\n"
