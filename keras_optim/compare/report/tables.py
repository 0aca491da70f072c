"""Tables of a comparison as rows of cells, for pages, Markdown and the terminal."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from keras_optim.compare.analysis import columns as columns_of
from keras_optim.compare.analysis import table as analysis
from keras_optim.compare.analysis.columns import columns
from keras_optim.compare.comparison import Subject
from keras_optim.compare.report.view import View
from keras_optim.compare.runs import Run, Stage

FIRST = ("optimizer", "place", "mean", "verdict", "interval", "difference", "margin")
"""Columns that a narrow screen shows without scrolling; the others keep their order."""


@dataclass(frozen=True)
class Column:
    """Column of a table."""

    heading: str
    note: str = ""
    number: bool = True
    higher: bool = False
    """Whether the first press on the heading sorts the highest to the top."""
    sorted: str = ""
    """The order in which the table comes: `ascending` or `descending`."""


@dataclass(frozen=True)
class Cell:
    """Cell of a table: its text, and the value by which a column is sorted."""

    text: str
    value: float | str | None = None
    number: bool = True
    miss: bool = False


@dataclass(frozen=True)
class Row:
    """Row of a table, the optimizer first."""

    cells: tuple[Cell, ...]
    best: bool = False
    """Whether it is, or cannot be told from, the best."""
    color: int | None = None
    """Number of the optimizer's colour."""


@dataclass(frozen=True)
class Table:
    """Table with a title."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]

    def markdown(self) -> str:
        """Write the table as Markdown."""
        lines = [
            "| " + " | ".join(escaped(column.heading) for column in self.columns) + " |",
            "|" + "|".join(" ---: " if column.number else " --- " for column in self.columns) + "|",
        ]
        for row in self.rows:
            lines.append("| " + " | ".join(escaped(cell.text) for cell in row.cells) + " |")
        return "\n".join(lines) + "\n"


def word(text: str, miss: bool = False) -> Cell:
    """Make the cell of a text."""
    return Cell(text, number=False, miss=miss)


def misses(view: View) -> list[Table]:
    """List the runs that diverged or failed, with their reasons: those that judge first.

    Runs of one optimizer that ended alike share a row.
    """
    found = (_misses(view, "judging"), _misses(view, "tuning"))
    return [table for table in found if table.rows]


def _misses(view: View, stage: Stage) -> Table:
    groups: dict[tuple[str, ...], list[Run]] = {}
    for run in view.comparison.runs:
        spec = run.spec
        if run.state != "done" and spec.stage == stage:
            key = (spec.optimizer, spec.workload, run.state, run.reason)
            groups.setdefault(key, []).append(run)
    names = ("optimizer", "workload", "runs", "learning rates", "seeds", "state", "reason")
    columns = tuple(Column(name, number=name == "runs") for name in names)
    rows = tuple(_miss(view, key, runs) for key, runs in sorted(groups.items()))
    count = sum(map(len, groups.values()))
    return Table(f"{count} {stage} {'run' if count == 1 else 'runs'}", columns, rows)


def _miss(view: View, key: tuple[str, ...], runs: Sequence[Run]) -> Row:
    optimizer, workload, state, reason = key
    rates = sorted({run.learning_rate for run in runs if math.isfinite(run.learning_rate)})
    seeds = sorted({run.spec.seed for run in runs})
    return Row(
        (
            word(optimizer),
            word(workload),
            Cell(str(len(runs)), str(len(runs))),
            Cell(", ".join(f"{rate:.3g}" for rate in rates), rates[0] if rates else "", False),
            Cell(", ".join(map(str, seeds)), seeds[0], False),
            word(state, miss=True),
            word(reason),
        ),
        color=view.styles[optimizer].number,
    )


def escaped(text: str) -> str:
    """Escape characters that Markdown, or HTML in it, would interpret."""
    text = " ".join(text.split())
    for character in "\\`*_[]<>|&#":
        text = text.replace(character, f"\\{character}")
    return text


def summary(view: View, subject: Subject) -> Table:
    """Make the main table of a workload, the best first."""
    return _of_columns(view, subject, subject.name, main=True)


def details(view: View, subject: Subject) -> Table:
    """Make the table of the numbers that the main one leaves out."""
    return _of_columns(view, subject, f"{subject.name}: more numbers", main=False)


def _of_columns(view: View, subject: Subject, title: str, main: bool) -> Table:
    """Make a table of some columns, with the optimizer first."""
    found = columns(view.comparison, subject.name)
    shown = [c for c in found if c.main == main or c.key == FIRST[0]]
    shown.sort(key=lambda column: FIRST.index(column.key) if column.key in FIRST else len(FIRST))
    headings = tuple(
        Column(
            column.heading,
            column.meaning,
            column.numeric,
            column.key in ("mean", "median", "best", "final", "last") and subject.higher,
            "ascending" if column.key == "place" else "",
        )
        for column in shown
    )
    rows = tuple(
        Row(
            tuple(_cell(column, row) for column in shown),
            row.verdict in ("best", "tied"),
            view.styles[row.optimizer].number,
        )
        for row in view.rows[subject.name]
    )
    return Table(title, headings, rows)


def _cell(column: columns_of.Column, row: analysis.Row) -> Cell:
    """Make the cell of a row with the value by which it is sorted."""
    value = column.value(row)
    if isinstance(value, tuple):
        value = value[0]
    if isinstance(value, Mapping):
        value = value.get("learning_rate", "")
    if isinstance(value, int | float):
        value = "" if math.isnan(value) else f"{value:.9g}".replace("inf", "Infinity")
    text = column.text(row)
    missed = column.key == "misses" and row.misses > 0
    missed = missed or text in ("missed", "never") or column.key == "edge"
    return Cell(text, value if column.numeric or value != text else None, column.numeric, missed)
