"""The curves of all tasks beside each other."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from benchmarks.evidence.contenders import BASELINE
from keras_optim.compare.report.image_files import of_figure
from keras_optim.compare.report.palette import COLORS, QUIET, SETTINGS

MOST = 6
"""Coloured curves in a panel; the others are grey."""


def draw(found: Mapping[str, Any], titles: Mapping[str, str], path: Path) -> None:
    """Draw the median validation loss of every task; the lowest curves have names."""
    import matplotlib as mpl

    names = [row["optimizer"] for row in next(iter(found.values()))["rows"]]
    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=(5.2 * len(found), 4.6), layout="constrained")
        for axes, (task, one) in zip(figure.subplots(1, len(found)), found.items(), strict=True):
            _panel(axes, one, names)
            axes.set_title(titles[task])
        path.write_bytes(of_figure(figure))


def _panel(axes: Any, one: Mapping[str, Any], names: list[str]) -> None:
    rows = [row for row in one["rows"] if row["median curve"]]
    rows.sort(key=lambda row: min(row["median curve"]))
    named = {row["optimizer"] for row in rows[: MOST - 1]} | {BASELINE}
    steps = [k * one["period"] for k in range(1 + one["steps"] // one["period"])]
    for row in reversed(rows):
        name, curve = row["optimizer"], row["median curve"]
        style: dict[str, Any] = {"color": QUIET, "alpha": 0.35, "linewidth": 0.9}
        if name in named:
            style = {"color": COLORS[names.index(name) % len(COLORS)], "label": name}
            style["linestyle"] = "solid" if names.index(name) < len(COLORS) else "dashed"
        axes.plot(steps, curve, **style)
    low = min(min(row["median curve"]) for row in rows)
    high = next(row for row in rows if row["optimizer"] == BASELINE)["median curve"][1]
    axes.axhline(one["target"], color=QUIET, linewidth=0.8, linestyle=(0, (2, 2)))
    axes.set_ylim(low - 0.05 * (high - low), high)
    axes.set_xlabel("step")
    axes.set_ylabel("validation loss, median of three seeds")
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], labels[::-1], frameon=False)
