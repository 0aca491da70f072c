"""Table of the rows: in a terminal, and as Markdown."""

from collections.abc import Sequence
from typing import Any

from benchmarks.verify.rows import FAIL, NOT_RUN, PASS, Row

HEADINGS = ("check", "verdict", "figure", "published", "ours", "band", "seconds")
STYLES = {PASS: "green", FAIL: "bold red", NOT_RUN: "dim"}


def show(found: Sequence[Row], console: Any) -> None:
    """Print the table, then the reasons of the checks that were not run or broke off."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title="Published figures beside ours", title_justify="left")
    for heading in HEADINGS:
        right: Any = "right" if heading == "seconds" else "left"
        table.add_column(heading, justify=right, overflow="fold")
    last = ""
    for row in found:
        cells = [Text(cell) for cell in _cells(row)]
        if row.check == last:
            cells[0] = cells[-1] = Text("")
        cells[1].stylize(STYLES[row.verdict])
        if last and row.check != last:
            table.add_section()
        table.add_row(*cells)
        last = row.check
    console.print(table)
    for check, why in dict.fromkeys((row.check, row.why) for row in found if row.why):
        console.print(f"{check}: {why}", markup=False, highlight=False, soft_wrap=True)


def _cells(row: Row) -> list[str]:
    seconds = "" if row.seconds is None else f"{row.seconds:.0f}"
    return [row.check, row.verdict, row.figure, row.published, row.ours, row.band, seconds]


def markdown(found: Sequence[Row]) -> str:
    """Write the table as Markdown; the reason of a check without values stands for ours."""
    lines = [_line(HEADINGS), _line(["---"] * len(HEADINGS))]
    for row in found:
        cells = _cells(row)
        cells[0] = f"[{row.check}](#{row.check})"
        cells[4] = row.ours or row.why
        cells[1] = f"**{row.verdict}**" if row.verdict == FAIL else row.verdict
        lines.append(_line(cells))
    return "\n".join(lines)


def details(found: Sequence[Row]) -> str:
    """Write a section for each check: the training, its source, the bands, the command."""
    sections = []
    for name in dict.fromkeys(row.check for row in found):
        rows = [row for row in found if row.check == name]
        first = rows[0]
        bands = [f"* {row.figure}: {row.published} published; {_band(row)}." for row in rows]
        text = f"### {name}\n\n{first.trained[0].upper()}{first.trained[1:]}. "
        text += f"Source: [{first.source}]({first.address}).\n\n"
        sections.append(text + "\n".join(bands) + f"\n\n    {first.command}\n")
    return "\n".join(sections)


def _band(row: Row) -> str:
    return f"band {row.band} ({row.reason})"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
