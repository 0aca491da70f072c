"""Tables of a comparison: in the terminal, as CSV and as Markdown."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.measures import Metric, measures_per
from benchmarks.results.runs import Run
from benchmarks.workloads.models import WORKLOADS


@dataclass(frozen=True)
class Column:
    """Column of a table: its key in the rows, its heading, and the format of its numbers."""

    key: str
    heading: str
    form: str = ""

    def text(self, row: dict[str, Any]) -> str:
        """Write the cell of `row`; a dash if a run has no such number."""
        value = row[self.key]
        return "-" if value is None else format(value, self.form)


_FROM_SPEC = ("workload", "optimizer", "epochs", "num_train", "batch_size", "seed", "backend")


def columns(metric: Metric) -> tuple[Column, ...]:
    """List the columns of a workload with `metric`: the measures of a run that have a heading."""
    measured = (Column(m.name, m.heading, m.form) for m in measures_per("run", metric) if m.heading)
    return (Column("optimizer", "optimizer"), *measured, Column("status", "status"))


def rows(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Make one row per run, workload by workload, the best on test data first, misses last."""
    rows = []
    for run in runs:
        status = run.status
        result = status.get("result", {})
        rows.append(
            {
                **{key: run.spec[key] for key in _FROM_SPEC},
                **{m.name: result.get(m.name) for m in measures_per("run", run.metric)},
                "status": status["state"],
                "reason": status.get("reason", ""),
                "run": run.id,
            }
        )
    order = list(dict.fromkeys(row["workload"] for row in rows))

    def place(row: dict[str, Any]) -> tuple[int, float]:
        metric = _metric(row)
        return order.index(row["workload"]), metric.rank(row[metric.test])

    return sorted(rows, key=place)


def write(rows: Sequence[dict[str, Any]], folder: Path) -> None:
    """Write `summary.csv` with all numbers, `summary.md` with those that a reader needs."""
    folder.mkdir(parents=True, exist_ok=True)
    tests = dict.fromkeys(_metric(row).test for row in rows)  # workloads may differ in these alone
    others = (key for key in rows[0] if key not in tests and key not in _FROM_SPEC)
    with (folder / "summary.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*_FROM_SPEC, *tests, *others])
        writer.writeheader()
        writer.writerows(rows)
    (folder / "summary.md").write_text(markdown(rows), encoding="utf-8")


def markdown(rows: Sequence[dict[str, Any]]) -> str:
    """Write one table per workload, under a line with the settings of its training."""
    text = []
    for title, group in _workloads(rows):
        shown = columns(_metric(group[0]))
        text.append(f"### {title}\n")
        text.append("| " + " | ".join(column.heading for column in shown) + " |")
        text.append("|" + "|".join(" ---: " if c.form else " --- " for c in shown) + "|")
        for row in group:
            text.append("| " + " | ".join(column.text(row) for column in shown) + " |")
        text.append("")
    return "\n".join(text)


def show(rows: Sequence[dict[str, Any]], console: Console) -> None:
    """Print the tables."""
    for title, group in _workloads(rows):
        table = Table(title=title, title_justify="left")
        shown = columns(_metric(group[0]))
        for column in shown:
            table.add_column(column.heading, justify="right" if column.form else "left")
        for row in group:
            # rich would read sgd[momentum=0.9] as markup.
            table.add_row(*(column.text(row).replace("[", r"\[") for column in shown))
        console.print(table)
        for row in group:
            if row["reason"]:
                text = f"{row['optimizer']} {row['status']}: {row['reason']} (runs/{row['run']})"
                console.print(text, markup=False, soft_wrap=True)


def _workloads(rows: Sequence[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Group the rows by workload, each group with its title."""
    return [
        (f"{name}: {setting(group[0])}", group)
        for name, group in (
            (key, list(items)) for key, items in groupby(rows, key=lambda row: row["workload"])
        )
    ]


def _metric(row: dict[str, Any]) -> Metric:
    """Return the metric of a row's workload."""
    return WORKLOADS[row["workload"]].metric


def setting(row: dict[str, Any]) -> str:
    """Describe the settings of a workload's training in one line."""
    return (
        f"{row['num_train']:,} training examples, {row['epochs']} epochs, "
        f"batch {row['batch_size']}, seed {row['seed']}, {row['backend']}"
    )
