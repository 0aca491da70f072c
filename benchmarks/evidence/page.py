"""`docs/evidence.md`: its tables and its figure, from the numbers beside it."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.evidence import table

DOCS = Path(__file__).parents[2] / "docs"
PAGE, NUMBERS, FIGURE = DOCS / "evidence.md", DOCS / "evidence.json", DOCS / "evidence.png"


def written(text: str, found: Mapping[str, Any]) -> str:
    """Return the text of the page with the tables of these numbers.

    Raises:
        ValueError: it has no place for one of them.
    """
    for name, one in found.items():
        begin, end = f"<!-- {name}: written by benchmarks.evidence -->\n", "<!-- end -->\n"
        place = re.compile(f"(?<={begin}).*?(?={end})", re.DOTALL)
        at = place.search(text)
        if at is None:
            raise ValueError(f"{PAGE} needs the lines {begin!r} and {end!r}")
        target = f"AdamW's loss, which it reaches with every seed: {one['target']:.4f}."
        whole = f"\n{one['steps']} steps. {target}\n\n{table.markdown(one)}\n\n"
        text = text[: at.start()] + whole + text[at.end() :]
    return text
