"""`docs/verify.md`: its table and sections, from the numbers beside it."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.verify import rows, tables
from benchmarks.verify.rows import Row

DOCS = Path(__file__).parents[2] / "docs"
PAGE, NUMBERS = DOCS / "verify.md", DOCS / "verify.json"


def numbers(found: Sequence[Row], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of the file of numbers."""
    return {**facts, "summary": rows.summary(found), "rows": rows.encoded(found)}


def read(value: Mapping[str, Any]) -> list[Row]:
    """Return the rows of a file of numbers."""
    return [Row(**row) for row in value["rows"]]


def written(text: str, value: Mapping[str, Any]) -> str:
    """Return the text of the page with the table and the sections of these numbers.

    Raises:
        ValueError: it has no place for them.
    """
    found = read(value)
    parts = {
        "table": f"{value['summary']}. {_made(value)}\n\n{tables.markdown(found)}",
        "sections": tables.details(found).rstrip(),
    }
    for name, part in parts.items():
        begin, end = f"<!-- {name}: written by benchmarks.verify -->\n", "<!-- end -->"
        place = re.compile(f"(?<={re.escape(begin)}).*?(?={end})", re.DOTALL)
        if not place.search(text):
            raise ValueError(f"{PAGE} needs the lines {begin!r} and {end!r}")
        text = place.sub(lambda _, part=part: f"\n{part}\n\n", text, count=1)  # type: ignore[misc]
    return text


def _made(value: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in value["versions"].items())
    return f"Made with {versions} on {value['machine']}, {value['date']}."


def plain(value: Mapping[str, Any]) -> str:
    """Return the page of a results folder."""
    frame = "".join(
        f"<!-- {name}: written by benchmarks.verify -->\n<!-- end -->\n\n"
        for name in ("table", "sections")
    )
    return written(f"# Published figures beside ours\n\n{frame}", value)
