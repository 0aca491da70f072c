"""Tables of a comparison as rows of cells, for pages, Markdown and the terminal."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from keras_optim.compare.analysis import scores
from keras_optim.compare.comparison import Subject
from keras_optim.compare.report import data
from keras_optim.compare.report.view import View
from keras_optim.compare.runs import Run, Stage


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


def number(value: float, form: str = ".4g", missing: str = "-") -> Cell:
    """Make the cell of a number; one that is not finite sorts to the end."""
    if math.isfinite(value):
        return Cell(format(value, form), f"{value:.9g}")
    return Cell(missing, "", miss=missing != "-")


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
            number(len(runs), "d"),
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
    """Make the table of a workload, the best first."""
    where = "test" if subject.test is not None else "held-out"
    columns = (
        Column("optimizer", number=False),
        Column("place", "by the mean over the seeds", sorted="ascending"),
        Column(f"{where} {subject.judge}", "mean over the seeds", higher=subject.higher),
        Column("seeds", "done of all"),
        Column("rate", "chosen by tuning"),
        Column("epochs to target"),
        Column("seconds"),
        Column("state", "bytes for each byte of weights"),
    )
    shares = data.state_shares(view, subject.name)
    rows = []
    for place, label in enumerate(view.orders[subject.name], 1):
        runs = view.runs(subject.name, label)
        values = [v for run in runs if math.isfinite(v := scores.score(run, subject))]
        mean = float(np.mean(values)) if values else math.nan
        rate = view.comparison.chosen.get((subject.name, label), {}).get("learning_rate", math.nan)
        reached = data.median([data.epochs_to_target(run, subject) for run in runs])
        cells = (
            word(label),
            number(place, "d"),
            number(mean, missing="missed"),
            Cell(f"{len(values)} of {len(runs)}", len(values), miss=len(values) < len(runs)),
            number(rate, ".3g"),
            number(reached, ".3g", "missed"),
            number(data.median([run.cost.get("seconds", math.nan) for run in runs]), ".3g"),
            number(shares.get(label, math.nan), ".2f"),
        )
        rows.append(Row(cells, place == 1, view.styles[label].number))
    return Table(subject.name, columns, tuple(rows))
