"""Tables of a comparison in the terminal."""

from typing import Any

from keras_optim.compare.comparison import Comparison
from keras_optim.compare.report import tables, texts
from keras_optim.compare.report.view import View

_WIDE = ("#", "95 % interval", "edge", "seeds", "step time")
"""Columns that a terminal has no room for; the page and the files have them."""
_ALWAYS = "learning_rate="
"""The beginning of most values that were chosen."""


def show(comparison: Comparison, console: Any = None) -> None:
    """Print the answer and the table of each workload.

    Args:
        comparison: The comparison.
        console: A console of rich; a new one if absent.
    """
    from rich.console import Console

    view, console = View(comparison), console or Console()
    for line in texts.answer(view):
        console.print(line, markup=False, highlight=False)
    for subject in comparison.subjects.values():
        console.print(_table(tables.summary(view, subject)))
    for missed in tables.misses(view)[:1]:
        console.print(f"Failed and diverged: {missed.title}", markup=False, highlight=False)
        for row in missed.rows:
            text = " ".join(cell.text for cell in row.cells)
            console.print(text, markup=False, highlight=False, soft_wrap=True)


def _table(table: tables.Table) -> Any:
    from rich.table import Table
    from rich.text import Text

    places = [k for k, c in enumerate(table.columns) if c.heading not in _WIDE]
    shown = Table(title=Text(table.title), title_justify="left")
    for column in (table.columns[k] for k in places):
        side: Any = "right" if column.number else "left"
        shown.add_column(Text(column.heading), justify=side, overflow="fold")
    for row in table.rows:
        style = "bold" if any(cell.text == "best" for cell in row.cells) else ""
        texts_of = (row.cells[k].text.removeprefix(_ALWAYS) for k in places)
        shown.add_row(*map(Text, texts_of), style=style)
    return shown
