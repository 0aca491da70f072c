"""Report of the measured steps: in the terminal, as CSV, as Markdown, as a figure."""

import csv
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from keras_optim.compare.report import image_files, palette

Row = dict[str, Any]
OURS = "keras_optim"
COLUMNS = (
    ("contender", "", ""),
    ("milliseconds", "ms", ".3f"),
    ("ratio", "ours / this", ".2f"),
    ("low", "from", ".2f"),
    ("high", "to", ".2f"),
    ("of_floor", "x floor", ".1f"),
    ("share", "update / fit", ".2f"),
    ("kernels", "kernels", "d"),
    ("first_cold", "first step s", ".2f"),
    ("first_cached", "cached s", ".2f"),
    ("extra_mib", "extra MiB", ".1f"),
)
"""Key, heading and format of each column."""


def text(row: Row, key: str, form: str) -> str:
    """Write a cell; a dash if the row has no such number."""
    value = row.get(key)
    return "-" if value is None or value != value else format(value, form)


def groups(rows: Sequence[Row]) -> Iterable[tuple[str, list[Row]]]:
    """Group the rows into tables, each with its title."""
    for (name, threads), group in groupby(rows, lambda row: (row["optimizer"], row["threads"])):
        yield f"{name}, {_threads(threads)}", list(group)


def _threads(count: int) -> str:
    return f"{count} thread{'s' * (count > 1)}"


def show(rows: Sequence[Row], console: Console) -> None:
    """Print one table for each optimizer and number of threads."""
    for title, group in groups(rows):
        table = Table(title=title, title_justify="left")
        table.add_column("workload")
        for _, heading, form in COLUMNS:
            table.add_column(heading, justify="right" if form else "left")
        for row in group:
            cells = (text(row, key, form) for key, _, form in COLUMNS)
            table.add_row(row["workload"], *cells)
        console.print(table)


def markdown(rows: Sequence[Row]) -> str:
    """Write these tables in Markdown."""
    lines = []
    for title, group in groups(rows):
        lines += [f"### {title}", ""]
        lines.append("| workload | " + " | ".join(heading for _, heading, _ in COLUMNS) + " |")
        lines.append("|" + " --- |" * (len(COLUMNS) + 1))
        for row in group:
            cells = " | ".join(text(row, key, form) for key, _, form in COLUMNS)
            lines.append(f"| {row['workload']} | {cells} |")
        lines.append("")
    return "\n".join(lines)


def summary(rows: Sequence[Row]) -> str:
    """Write a table for each number of threads: our milliseconds for each optimizer.

    Below them are their ratios to each other contender, to the floor, and to a step of `fit`.
    """
    lines = []
    for threads in dict.fromkeys(row["threads"] for row in rows):
        found = [row for row in rows if row["threads"] == threads]
        workloads = list(dict.fromkeys(row["workload"] for row in found))
        lines += [f"| {_threads(threads)} | " + " | ".join(workloads) + " |"]
        lines += ["|" + "---|" * (len(workloads) + 1)]
        for name in dict.fromkeys(row["optimizer"] for row in found):
            of_this = [row for row in found if row["optimizer"] == name]
            lines += _block(name, of_this, workloads)
        lines.append("")
    return "\n".join(lines)


def _block(name: str, rows: Sequence[Row], workloads: Sequence[str]) -> list[str]:
    cells = {(row["contender"], row["workload"]): row for row in rows}

    def line(heading: str, contender: str, key: str, form: str, frame: str = "{}") -> str:
        found = [text(cells.get((contender, w), {}), key, form) for w in workloads]
        shown = [frame.format(cell) if cell != "-" else cell for cell in found]
        return "" if set(shown) == {"-"} else f"| {heading} | {' | '.join(shown)} |"

    others = dict.fromkeys(row["contender"] for row in rows if row["contender"] != OURS)
    lines = [
        line(f"**{name}**", OURS, "milliseconds", ".3g", "**{} ms**"),
        *[line(f"/ {other}", other, "ratio", ".2f") for other in others],
        line("/ floor", OURS, "of_floor", ".1f"),
        line("/ step of `fit`", OURS, "share", ".2f"),
    ]
    return [text for text in lines if text]


def write(rows: Sequence[Row], folder: Path, backend: str) -> None:
    """Write `step_cost_<backend>.csv`, `.md` and `.png` into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    keys = list(dict.fromkeys(key for row in rows for key in row))
    path = folder / f"step_cost_{backend}"
    with path.with_suffix(".csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, keys, restval="")
        writer.writeheader()
        writer.writerows(rows)
    path.with_suffix(".md").write_text(f"{summary(rows)}\n{markdown(rows)}", encoding="utf-8")
    with matplotlib.rc_context(palette.SETTINGS):
        path.with_suffix(".png").write_bytes(image_files.of_figure(draw(rows)))


def draw(rows: Sequence[Row]) -> Figure:
    """Draw the time of a step by workload, one panel for each optimizer and number of threads."""
    panels = list(groups(rows))
    columns = min(3, len(panels))
    lines = -(-len(panels) // columns)
    figure = Figure(figsize=(4.2 * columns, 3.2 * lines), layout="constrained")
    axes = np.atleast_1d(figure.subplots(lines, columns)).ravel()
    names = list(dict.fromkeys(row["contender"] for row in rows))
    styles = palette.styles(names)
    for axis, (title, group) in zip(axes, panels, strict=False):
        workloads = list(dict.fromkeys(row["workload"] for row in group))
        for name in names:
            found = {r["workload"]: r["milliseconds"] for r in group if r["contender"] == name}
            if found:
                times = [found.get(workload, np.nan) for workload in workloads]
                color, dash = styles[name].color, styles[name].dash
                axis.plot(workloads, times, "o", ls=dash, ms=3.5, color=color, label=name)
        axis.set_yscale("log")
        axis.set_title(title)
        axis.set_ylabel("ms / step")
        if len(workloads) > 4:
            axis.tick_params(axis="x", rotation=40)
    for axis in axes[len(panels) :]:
        axis.remove()
    handles = {h.get_label(): h for axis in axes[: len(panels)] for h in axis.get_lines()}
    figure.legend(handles=list(handles.values()), loc="outside lower center", ncols=2 * columns)
    return figure
