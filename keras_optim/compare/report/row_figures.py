"""Figures with a row for each optimizer: time to target, memory, ranks."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from keras_optim.compare.report import frames
from keras_optim.compare.report.palette import INK, QUIET
from keras_optim.compare.report.view import View

ROWS = 30
"""The most rows of a figure: a longer one fits no page, and the table has all."""
ON_DARK, ON_LIGHT = "#fffffe", "#222223"
"""Text in coloured cells, which a page must not adapt to its dark scheme."""
_ROW = 0.235
"""Inches of a row."""


def time_to_target(
    view: View, title: str, subtitle: str, epochs: Mapping[str, Sequence[float]], last: int
) -> Figure:
    """Draw the first epoch at the target for each seed, and their median.

    Args:
        view: The comparison.
        title: Above the figure.
        subtitle: Below the title.
        epochs: Of each optimizer, in the order of the rows; infinite for a seed that missed.
        last: The number of epochs of the training.
    """
    labels = list(epochs)[:ROWS]
    figure, axes = _rows(view, labels, 6.2)
    never = 1.12 * last
    axes.axvspan(1.055 * last, 1.2 * last, color=QUIET, alpha=0.08, linewidth=0)
    for row, label in enumerate(labels):
        values = np.minimum(np.asarray(epochs[label], float), never)
        color = view.styles[label].color
        level = np.full(len(values), row) + _jitter(len(values))
        axes.plot(values, level, "o", color=color, alpha=0.45, markersize=4.5, markeredgewidth=0)
        middle = float(np.median(values))
        axes.plot([middle, middle], [row - 0.34, row + 0.34], color=color, linewidth=2.6)
    axes.set_xlim(-0.012 * last, 1.2 * last)
    ticks = [t for t in MaxNLocator(7, integer=True).tick_values(0, last) if 0 <= t <= last]
    axes.set_xticks([*ticks, never], [*(f"{t:g}" for t in ticks), "missed"])
    axes.set_xlabel("epochs to the target")
    _finish(view, figure, title, subtitle, len(epochs))
    return figure


def memory(view: View, title: str, subtitle: str, shares: Mapping[str, float]) -> Figure:
    """Draw the bytes of state for each byte of weights, in the order of the rows."""
    labels = list(shares)[:ROWS]
    figure, axes = _rows(view, labels, 5.4)
    values = [shares[label] for label in labels]
    colors = [view.styles[label].color for label in labels]
    axes.barh(range(len(labels)), values, color=colors, height=0.62)
    most = max([*values, 1e-9])
    for row, value in enumerate(values):
        axes.text(value + 0.012 * most, row, f"{value:.2f}", va="center", fontsize=8, color=INK)
    axes.set_xlim(0, 1.1 * most)
    axes.set_xlabel("bytes of optimizer state for each byte of weights")
    _finish(view, figure, title, subtitle, len(shares))
    return figure


def rank_heatmap(
    view: View, title: str, subtitle: str, ranks: Mapping[str, Mapping[str, float]]
) -> Figure:
    """Draw the rank of each optimizer on each workload, 1 for the best.

    Args:
        view: The comparison.
        title: Above the figure.
        subtitle: Below the title.
        ranks: Of each optimizer, in the order of the rows; NaN without a rank.
    """
    labels = list(ranks)[:ROWS]
    workloads = list(ranks[labels[0]])
    figure, axes = _rows(view, labels, max(0.95 * len(workloads), 3.0))
    table = np.array([[ranks[label].get(name, np.nan) for name in workloads] for label in labels])
    worst = max(np.nanmax(table, initial=2), 2)
    # The better, the darker; in drawn cells, because a picture would not scale.
    axes.pcolormesh(-table, cmap="Blues", vmin=-worst, vmax=-1 + 0.25 * worst)
    for (row, column), rank in np.ndenumerate(table):
        dark = rank < 1 + 0.25 * (worst - 1)
        text = "-" if np.isnan(rank) else f"{rank:.3g}"
        color = ON_DARK if dark else ON_LIGHT
        axes.text(
            column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=8.5, color=color
        )
    names = [frames.fitted(name, 1.25, 9)[0] for name in workloads]
    axes.set_ylim(len(labels), 0)
    axes.set_yticks(np.arange(len(labels)) + 0.5, [view.short[label] for label in labels])
    axes.set_xticks(np.arange(len(workloads)) + 0.5, names, rotation=20, ha="right", fontsize=9)
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    _finish(view, figure, title, subtitle, len(ranks))
    return figure


def critical_difference(
    view: View, title: str, subtitle: str, ranks: Mapping[str, float], distance: float
) -> Figure:
    """Draw mean ranks as dots, with a band that is as wide as the critical difference.

    Optimizers within the band of the best cannot be told from it.
    """
    labels = sorted(ranks, key=lambda label: ranks[label])[:ROWS]
    figure, axes = _rows(view, labels, 5.6)
    best = ranks[labels[0]]
    axes.axvspan(best, best + distance, color=QUIET, alpha=0.12, linewidth=0)
    for row, label in enumerate(labels):
        color, rank = view.styles[label].color, ranks[label]
        axes.plot([rank, rank + distance], [row, row], color=color, linewidth=1.2, alpha=0.6)
        axes.plot([rank], [row], "o", color=color, markersize=6)
    worst = max(ranks.values())
    axes.set_xlim(best - 0.03 * (worst - best) - 0.1, worst + 0.15 * (worst - best) + 0.1)
    axes.set_xlabel("mean rank; the line is as long as the critical difference")
    _finish(view, figure, title, subtitle, len(ranks))
    return figure


def _rows(view: View, labels: Sequence[str], width: float) -> tuple[Figure, Axes]:
    """Make axes with the names of the rows on the left, the first row on top."""
    names = [view.short[label] for label in labels]
    left = 0.35 + 0.078 * max(map(len, names), default=8)
    width = max(width, 6.4 - left)
    height = _ROW * max(len(labels), 4)
    figure, (axes,) = frames.panels([width], height, left=left, right=0.3, top=0.8)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.set_yticks(range(len(labels)), names, fontsize=9)
    axes.tick_params(axis="y", labelcolor=INK, length=0)
    axes.grid(axis="y", visible=False)
    return figure, axes


def _finish(view: View, figure: Figure, title: str, subtitle: str, count: int) -> None:
    rest = f"; {count - ROWS} more are in the table" if count > ROWS else ""
    frames.frame(figure, title, subtitle + rest, view.comparison.setting)


def _jitter(count: int) -> np.ndarray:
    """Return small offsets, so that equal values of several seeds can be counted."""
    return np.linspace(-0.2, 0.2, count) if count > 1 else np.zeros(count)
