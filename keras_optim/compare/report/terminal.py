"""Tables of a comparison in the terminal."""

from typing import Any

from keras_optim.compare.comparison import Comparison
from keras_optim.compare.report import tables, texts
from keras_optim.compare.report.view import View


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

    shown = Table(title=Text(table.title), title_justify="left")
    for column in table.columns:
        shown.add_column(Text(column.heading), justify="right" if column.number else "left")
    for row in table.rows:
        style = "bold" if row.best else ""
        shown.add_row(*(Text(cell.text) for cell in row.cells), style=style)
    return shown
