"""Parts of a docstring, as its headings divide it."""

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from griffe import Docstring, DocstringSection, DocstringSectionKind

EXAMPLE = re.compile(r"Example:\s*(?P<title>.*?)\n\n(?P<code>.*)", re.DOTALL)


@dataclass(frozen=True)
class Item:
    """Argument, error or result: its name, and a sentence about it."""

    name: str
    text: str


@dataclass
class Documented:
    """Parts of a docstring."""

    summary: str = ""
    paragraphs: list[str] = field(default_factory=list)
    arguments: list[Item] = field(default_factory=list)
    attributes: list[Item] = field(default_factory=list)
    returns: str = ""
    raises: list[Item] = field(default_factory=list)
    example_title: str = ""
    example: str = ""
    reference: str = ""


def documented(of: Any) -> Documented:
    """Return the parts of the docstring of a class or a function.

    >>> documented(documented).summary
    'Return the parts of the docstring of a class or a function.'
    """
    found = Documented()
    docstring = Docstring(inspect.getdoc(of) or "", lineno=1)
    for section in docstring.parse("google", warnings=False):
        _add(section, found)
    return found


def _add(section: DocstringSection, found: Documented) -> None:
    kind, value = section.kind, section.value
    if kind is DocstringSectionKind.text:
        if match := EXAMPLE.fullmatch(value.strip()):
            found.example_title = " ".join(match["title"].split())
            found.example = match["code"].strip()
        else:
            found.paragraphs += paragraphs(value)
            if not found.summary and found.paragraphs:
                found.summary = found.paragraphs.pop(0)
    elif kind is DocstringSectionKind.parameters:
        found.arguments += [Item(item.name, item.description) for item in value]
    elif kind is DocstringSectionKind.attributes:
        found.attributes += [Item(item.name, item.description) for item in value]
    elif kind is DocstringSectionKind.raises or kind is DocstringSectionKind.warns:
        found.raises += [Item(str(item.annotation), item.description) for item in value]
    elif kind is DocstringSectionKind.returns:
        found.returns = " ".join(
            f"{item.annotation}: {item.description}" if item.annotation else item.description
            for item in value
        )
    elif kind is DocstringSectionKind.admonition and section.title == "Reference":
        found.reference = " ".join(value.description.split())
    else:
        raise ValueError(f"No page has a place for {kind} {section.title!r} of a docstring.")


def paragraphs(text: str) -> list[str]:
    r"""Split a text at empty lines.

    >>> paragraphs("One.\n\nTwo\ngoes on.")
    ['One.', 'Two\ngoes on.']
    """
    return [part.strip("\n") for part in re.split(r"\n\s*\n", text.strip("\n")) if part.strip()]


SENTENCE = re.compile(r"(?:(?<=[.:!?])|(?<=[.:!?][)]))\s+(?=[A-Z`$*\"(]|pytorch-)")


def sentences(paragraph: str) -> Iterator[str]:
    """Yield the sentences of a paragraph.

    A full stop inside of code, a formula or parentheses ends none, nor does that of "et al.".

    >>> list(sentences("As here: `a. B`, of Ma et al. Not (so. In) it. No."))
    ['As here: `a. B`, of Ma et al. Not (so. In) it.', 'No.']
    """
    kept = ""
    for part in SENTENCE.split(paragraph):
        kept = f"{kept} {part}" if kept else part
        inside = kept.count("`") % 2 or kept.count("$") % 2 or kept.count("(") > kept.count(")")
        if not inside and not kept.endswith((":", "et al.", "e.g.", "i.e.")):
            yield kept
            kept = ""
    if kept:
        yield kept
