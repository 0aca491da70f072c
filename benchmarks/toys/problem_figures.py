"""Figures of the problems of Reddi et al. and of Wilson et al."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from benchmarks.toys import reddi, wilson
from keras_optim.compare.report.axes_style import plain
from keras_optim.compare.report.palette import QUIET, styles

POINTS = 400
"""Of a curve, so that the file stays small."""


def reddi_figure() -> Figure:
    """Draw x and the average regret over the steps of the online problem."""
    found = reddi.runs()
    known = styles([run.optimizer for run in found])
    figure = Figure(figsize=(9.6, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    for run in found:
        steps = _spread(len(run.path) - 1)
        line = {**known[run.optimizer].line, "label": f"{run.optimizer}, ends at {run.end:+.3f}"}
        left.plot(steps, run.path[steps], **line)
        right.plot(steps, run.regret[steps - 1], **line)
    _level(left, reddi.BEST, "best point")
    _level(right, reddi.WORST_REGRET, "regret of the worst point, 0.198")
    left.set(title="Reddi et al. 2018: x over the steps", ylabel="x", ylim=(-1.1, 1.1))
    right.set(title="Average regret", ylim=(-0.1, 2.6))
    for axes in (left, right):
        axes.set(xlabel="step", xlim=(0, reddi.STEPS))
        axes.xaxis.set_major_formatter(plain)
    left.legend(frameon=False, loc="center right")
    _footer(figure, "rate 1/√t, beta_1 0.9, beta_2 0.99, x in [-1, 1], from 0")
    return figure


def wilson_figure() -> Figure:
    """Draw the weights that each optimizer finds, and its accuracy on new examples."""
    found = wilson.solutions()
    known = styles(list(found))
    figure = Figure(figsize=(9.6, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    features = ("the label y", "1", "1", "own,\ny = +1", "own,\ny = -1")
    for place, (label, solution) in enumerate(found.items()):
        w, color = solution.weights, known[label].color
        shift = 0.13 * (place - (len(found) - 1) / 2)
        shown = [*w[: wilson.SHARED], w[wilson.SHARED], w[-1]]
        left.plot(np.arange(len(shown)) + shift, shown, "o", color=color, ms=6, label=label)
        right.barh(place, solution.accuracy, color=color, height=0.6)
        right.text(solution.accuracy + 0.01, place, f"{solution.accuracy:.0%}", va="center")
    for height in (0.25, -0.25):
        left.axhline(height, color=QUIET, linewidth=0.8, linestyle=(0, (2, 2)))
    left.set_xticks(range(len(features)), features)
    left.set(title="Wilson et al. 2017: weights by feature", ylabel="weight", ylim=(-0.4, 1.1))
    left.legend(frameon=False, loc="upper right")
    right.set_yticks(range(len(found)), list(found))
    right.set(title="Accuracy on new examples", xlim=(0, 1.12))
    right.xaxis.set_major_formatter(PercentFormatter(1.0))
    right.invert_yaxis()
    right.grid(visible=False, axis="y")
    _footer(
        figure,
        f"least squares, {wilson.EXAMPLES} examples, {wilson.POSITIVE:.0%} positive, full batch, "
        "rates fall to 0 as half a cosine; lines: ±0.25",
    )
    return figure


def _spread(last: int) -> Any:
    """Return steps up to the last, dense at first."""
    return np.unique(np.rint(np.linspace(1, last**0.5, POINTS) ** 2).astype(int))


def _level(axes: Any, height: float, name: str) -> None:
    axes.axhline(height, color=QUIET, linewidth=0.9, linestyle=(0, (2, 2)))
    axes.annotate(
        name, (0.98, height), xycoords=("axes fraction", "data"), xytext=(0, 4),
        textcoords="offset points", ha="right", color=QUIET, fontsize=8,
    )  # fmt: skip


def _footer(figure: Figure, text: str) -> None:
    figure.supxlabel(text, fontsize=8, color=QUIET, x=0.01, ha="left")
