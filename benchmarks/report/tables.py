"""The table at the end: in the terminal, as CSV and as Markdown."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.results.runs import Run


@dataclass(frozen=True)
class Column:
    """A column: its key in the rows, its heading, and how a number in it is written."""

    key: str
    heading: str
    form: str = ""

    def text(self, row: dict[str, Any]) -> str:
        """The cell of `row`; a dash where a run has no such number."""
        value = row[self.key]
        return "-" if value is None else format(value, self.form)


COLUMNS = (
    Column("optimizer", "optimizer"),
    Column("test_accuracy", "test accuracy", ".4f"),
    Column("test_loss", "test loss", ".4f"),
    Column("seconds", "seconds", ".1f"),
    Column("steps_per_second", "steps / s", ".0f"),
    Column("state_per_weight", "state / weight bytes", ".2f"),
    Column("status", "status"),
)
_FROM_SPEC = ("workload", "optimizer", "epochs", "num_train", "batch_size", "seed", "backend")
_FROM_RESULT = (
    "test_accuracy",
    "test_loss",
    "seconds",
    "first_step_seconds",
    "steps_per_second",
    "state_per_weight",
    "device",
)


def rows(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """One row per run, workload by workload, the best test accuracy first, misses last."""
    rows = []
    for run in runs:
        status = run.status
        result = status.get("result", {})
        rows.append(
            {
                **{key: run.spec[key] for key in _FROM_SPEC},
                **{key: result.get(key) for key in _FROM_RESULT},
                "status": status["state"],
                "reason": status.get("reason", ""),
                "run": run.id,
            }
        )
    order = list(dict.fromkeys(row["workload"] for row in rows))
    return sorted(
        rows, key=lambda row: (order.index(row["workload"]), -(row["test_accuracy"] or -1.0))
    )


def write(rows: Sequence[dict[str, Any]], folder: Path) -> None:
    """`summary.csv` with all that is known, `summary.md` with what a reader needs."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "summary.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    (folder / "summary.md").write_text(markdown(rows), encoding="utf-8")


def markdown(rows: Sequence[dict[str, Any]]) -> str:
    """One table per workload under a line that says how it was trained."""
    text = []
    for title, group in _workloads(rows):
        text.append(f"### {title}\n")
        text.append("| " + " | ".join(column.heading for column in COLUMNS) + " |")
        text.append("|" + "|".join(" ---: " if c.form else " --- " for c in COLUMNS) + "|")
        for row in group:
            text.append("| " + " | ".join(column.text(row) for column in COLUMNS) + " |")
        text.append("")
    return "\n".join(text)


def show(rows: Sequence[dict[str, Any]], console: Console) -> None:
    """Print the tables."""
    for title, group in _workloads(rows):
        table = Table(title=title, title_justify="left")
        for column in COLUMNS:
            table.add_column(column.heading, justify="right" if column.form else "left")
        for row in group:
            # rich would read sgd[momentum=0.9] as markup.
            table.add_row(*(column.text(row).replace("[", r"\[") for column in COLUMNS))
        console.print(table)
        for row in group:
            if row["reason"]:
                text = f"{row['optimizer']} {row['status']}: {row['reason']} (runs/{row['run']})"
                console.print(text, markup=False, soft_wrap=True)


def _workloads(rows: Sequence[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Title and rows of each workload."""
    return [
        (f"{name}: {setting(group[0])}", group)
        for name, group in (
            (key, list(items)) for key, items in groupby(rows, key=lambda row: row["workload"])
        )
    ]


def setting(row: dict[str, Any]) -> str:
    """How the runs of a workload were trained, in one line."""
    return (
        f"{row['num_train']:,} training examples, {row['epochs']} epochs, "
        f"batch {row['batch_size']}, seed {row['seed']}, {row['backend']}"
    )
