"""Papers that a docstring refers to: authors, title, place and year, address."""

import functools
import re
from dataclasses import dataclass

from docs.site.docstrings import documented
from docs.site.rows import ROWS

URL = re.compile(r"https?://\S+?(?=[.,;]?(?:\s|$))")
BETWEEN = re.compile(r'; (?=[^"]*(?:"[^"]*"[^"]*)*$)')
"""A semicolon outside of titles."""
ENTRY = re.compile(
    r'(?:(?P<before>[^"]*?): )?(?P<authors>[^":]+?), "(?P<title>[^"]+)"(?:, (?P<where>.*))?'
)


@dataclass(frozen=True)
class Paper:
    """Entry of a bibliography; one without a title is a text as it stands."""

    authors: str
    title: str
    where: str
    url: str
    before: str = ""

    @property
    def markdown(self) -> str:
        """The entry as a line of Markdown, with a link."""
        if not self.title:
            return f"[{self.authors}]({self.url})" if self.url else self.authors
        title = f"[{self.title}]({self.url})" if self.url else f"*{self.title}*"
        lead = f"{self.before[0].upper()}{self.before[1:]}: " if self.before else ""
        return f"{lead}{self.authors}: {title}" + (f". {self.where}" if self.where else "") + "."


def papers(reference: str) -> list[Paper]:
    """Return the entries of a docstring's section "Reference".

    >>> [paper] = papers('Ma, Yarats, "Momentum", ICLR 2019, https://arxiv.org/abs/1810.06801')
    >>> paper.authors, paper.where
    ('Ma, Yarats', 'ICLR 2019')
    """
    return [_paper(part.strip()) for part in BETWEEN.split(reference)]


def _paper(text: str) -> Paper:
    url = URL.search(text)
    address = url[0] if url else ""
    rest = text.replace(address, "").strip(" .,") if address else text.rstrip(".")
    if match := ENTRY.fullmatch(rest):
        where = (match["where"] or "").strip(" ,")
        return Paper(match["authors"], match["title"], where, address, match["before"] or "")
    return Paper(rest, "", "", address)


@functools.cache
def _known() -> dict[str, Paper]:
    """Return every paper with a title that a row of the catalogue refers to, by address."""
    every = (paper for row in ROWS for paper in papers(documented(row.algorithm).reference))
    return {paper.url: paper for paper in every if paper.title and paper.url}


def titled(paper: Paper) -> Paper:
    """Return the full entry of a paper that is given by authors and address alone."""
    return paper if paper.title else _known().get(paper.url, paper)
