"""Markdown: tables, fences, and docstrings as Markdown."""

import re
from collections.abc import Iterable, Sequence

from docs.site.docstrings import Item

CODE = re.compile(r"(`+[^`]+`+|\$[^$]+\$)")


def escaped(text: str) -> str:
    r"""Escape in the prose of a docstring the signs that Markdown would take for its own.

    >>> print(escaped("up to 2**64 - 1, `2**64`"))
    up to 2\*\*64 - 1, `2**64`
    """
    parts = CODE.split(text)
    parts[::2] = [re.sub(r"(?<=\w)\*\*(?=\w)", r"\\*\\*", part) for part in parts[::2]]
    return "".join(parts)


def cell(text: str) -> str:
    """Return a text for a cell of a table: one line, without bars that end the cell.

    A bar inside of a formula becomes a command, because a table's row is split before it is read.
    """
    parts = CODE.split(" ".join(text.split()))
    return "".join(
        part.replace("|", r"\vert ") if part.startswith("$") else part.replace("|", r"\|")
        for part in parts
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table.

    >>> print(table(["a", "b"], [["1", "2"]]))
    | a | b |
    |---|---|
    | 1 | 2 |
    """
    lines = [head, *rows]
    texts = ["| " + " | ".join(cell(text) for text in line) + " |" for line in lines]
    return "\n".join([texts[0], "|" + "---|" * len(head), *texts[1:]])


def fence(code: str, language: str) -> str:
    """Return a block of code."""
    return f"```{language}\n{code.rstrip()}\n```"


def inside(kind: str, text: str) -> str:
    """Return a text in a block of a class, for the style sheet."""
    return f":::{{container}} {kind}\n{text}\n:::"


def definitions(items: Iterable[Item]) -> str:
    """Return names and descriptions as a list of definitions."""
    blocks = []
    for item in items:
        names = ", ".join(f"`{name.strip()}`" for name in item.name.split(","))
        first, *others = re.sub(r"^>", r"\>", escaped(item.text)).split("\n")
        text = "\n".join([f": {first}", *(f"  {line.strip()}" for line in others)])
        blocks.append(f"{names}\n{text}")
    return "\n\n".join(blocks)
