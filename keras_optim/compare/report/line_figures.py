"""Figures with a line for each optimizer over another axis than time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from keras_optim.compare.report import axes_style, frames
from keras_optim.compare.report.axes_style import Axis, drawable
from keras_optim.compare.report.palette import PAPER, REST
from keras_optim.compare.report.view import View

Points = Sequence[tuple[float, float]]
"""Points of one optimizer; y is not finite for a miss."""


@dataclass(frozen=True)
class Lines:
    """Panel of lines: its heading, the name of the x axis and the points of each optimizer."""

    heading: str
    x_label: str
    points: Mapping[str, Points]
    higher: bool = False
    """Whether a higher value is better."""
    axis: Axis | None = None
    """Kind of the y axis; the values decide if absent."""


def lr_sensitivity(
    view: View,
    title: str,
    subtitle: str,
    lines: Lines,
    named: Sequence[str],
    chosen: Mapping[str, float],
) -> Figure:
    """Draw the tuning value over the learning rate.

    A miss is a cross at the edge where the worst values are, and the chosen rate a ring.
    """
    figure, (axes,) = frames.panels([6.4], 3.6, right=_column(view, named))
    axis = _draw(view, axes, lines, named)
    rates = [x for points in lines.points.values() for x, _ in points]
    axes_style.logarithmic_axis(axes, rates, "x")
    _crosses(view, axes, lines, named)
    for label in named:
        x, y = _columns(lines.points[label])
        color = view.styles[label].color
        ring = np.isclose(x, chosen.get(label, np.nan), rtol=1e-3)
        hollow: dict[str, Any] = {"markerfacecolor": PAPER, "markeredgecolor": color}
        shown = drawable(y[ring], axis)
        axes.plot(x[ring], shown, "o", markersize=8, markeredgewidth=1.8, zorder=4, **hollow)
    _names(view, axes, lines, named, axis)
    frames.frame(figure, title, subtitle, view.comparison.setting)
    return figure


def performance_profile(
    view: View, title: str, subtitle: str, lines: Lines, named: Sequence[str]
) -> Figure:
    """Draw the share of the workloads solved within a multiple of the fastest time."""
    figure, (axes,) = frames.panels([6.4], 3.6, right=_column(view, named))
    axis = _draw(view, axes, lines, named, drawstyle="steps-post")
    axes.set_ylim(-0.02, 1.03)
    _names(view, axes, lines, named, axis)
    frames.frame(figure, title, subtitle, view.comparison.setting)
    return figure


def batch_sizes(
    view: View, title: str, subtitle: str, panels: Sequence[Lines], named: Sequence[str]
) -> Figure:
    """Draw quantities over the batch size side by side."""
    figure, axes = frames.panels([3.1] * len(panels), 3.1, right=_column(view, named), gap=0.7)
    sizes = sorted({x for points in panels[0].points.values() for x, _ in points})
    for lines, ax in zip(panels, axes, strict=True):
        axis = _draw(view, ax, lines, named)
        _crosses(view, ax, lines, named)
        ax.set_xscale("log", base=2)
        ax.set_xlim(sizes[0] / 1.15, sizes[-1] * 1.15)
        ax.set_xticks(sizes, [f"{size:g}" for size in sizes])
        ax.xaxis.set_minor_locator(NullLocator())
    _names(view, axes[-1], panels[-1], named, axis)
    frames.frame(figure, title, subtitle, view.comparison.setting)
    return figure


def _draw(view: View, axes: Axes, lines: Lines, named: Sequence[str], **options: Any) -> Axis:
    """Draw the lines, those without a name in grey, and fit the y axis to the others."""
    shown = np.concatenate([_columns(lines.points[label])[1] for label in named])
    axis = lines.axis or axes_style.kind(shown, lines.higher)
    for label in (label for label in lines.points if label not in named):
        x, y = _columns(lines.points[label])
        axes.plot(x, drawable(y, axis), color=REST, linewidth=0.6, zorder=1, **options)
    for rank, label in enumerate(named):
        x, y = _columns(lines.points[label])
        style = view.styles[label].line
        if not options:
            style = {**style, "marker": style.get("marker", "."), "markevery": 1}
        axes.plot(x, drawable(y, axis), zorder=3 - rank / 10, **style, **options)
    axes_style.scale(axes, axis, shown)
    axes.set_title(lines.heading)
    axes.set_xlabel(lines.x_label)
    return axis


def _crosses(view: View, axes: Axes, lines: Lines, named: Sequence[str]) -> None:
    """Mark misses at the edge where the worst values are, side by side, not on each other."""
    for place, label in enumerate(named):
        x, y = _columns(lines.points[label])
        missed = x[~np.isfinite(y)]
        height = np.full(len(missed), 0.025 + 0.035 * place)
        across: dict[str, Any] = {"transform": axes.get_xaxis_transform(), "clip_on": False}
        style: dict[str, Any] = {"color": view.styles[label].color, "markersize": 6, "zorder": 5}
        axes.plot(missed, height if lines.higher else 1 - height, "x", **style, **across)


def _names(view: View, axes: Axes, lines: Lines, named: Sequence[str], axis: Axis) -> None:
    """Write the names at the last finite points."""
    ends = []
    for label in named:
        found = [(x, y) for x, y in lines.points[label] if np.isfinite(y)]
        x, y = found[-1] if found else (np.nan, np.nan)
        ends.append((x, float(drawable(y, axis))))
    texts = [view.short[label] for label in named]
    frames.label_ends(axes, ends, texts, [view.styles[label].line for label in named])


def _column(view: View, named: Sequence[str]) -> float:
    """Return the inches that the names beside a panel take."""
    return 0.95 + 0.07 * max(len(view.short[label]) for label in named)


def _columns(points: Points) -> tuple[Any, Any]:
    table = np.array(sorted(points), float).reshape(-1, 2)
    table[~np.isfinite(table[:, 1]), 1] = np.nan
    return table[:, 0], table[:, 1]
