"""Places of the guide of choices that speak of an optimizer: for whom it is."""

import functools
import re

from docs.site import places
from keras_optim.catalog import Row

GUIDE = "guides/choosing.md"
MOST = 4
"""Sections that a page names."""


@functools.cache
def _guide() -> tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]:
    """Return the rows of the first table, as situation and code, and the sections by heading."""
    text = (places.DOCS / GUIDE).read_text(encoding="utf-8")
    head, *parts = re.split(r"^### (.*)$", text, flags=re.MULTILINE)
    rows = re.findall(r"^\| ([^|]+?) \| `(keras_optim[^|]*)` \|", head, flags=re.MULTILINE)
    return tuple(rows), tuple(zip(parts[::2], parts[1::2], strict=True))


def anchor(heading: str) -> str:
    """Return the anchor of a heading.

    >>> anchor("Matrices of hidden layers: Muon")
    'matrices-of-hidden-layers-muon'
    """
    return re.sub(r"[^\w-]", "", heading.lower().replace(" ", "-"))


def for_whom(row: Row) -> str:
    """Return a paragraph with the situations of a row, and the sections of the guide about it."""
    name = re.compile(rf"\bkeras_optim\.{row.algorithm.__name__}\b")
    rows, sections = _guide()
    first = [situation for situation, code in rows if name.search(code)]
    named = [heading for heading, text in sections if name.search(text)][:MOST]
    parts = [f"**A first choice for**: {'; '.join(first)}."] if first else []
    links = ", ".join(f"[{h[0].lower()}{h[1:]}](../{GUIDE}#{anchor(h)})" for h in named)
    parts += [f"**In the guide of choices**: {links}."] if named else []
    return " ".join(parts)
