"""Figures of curves: a quantity over the training, all optimizers of a workload together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from keras_optim.compare.comparison import Measured, Subject
from keras_optim.compare.report import axes_style, frames
from keras_optim.compare.report.axes_style import Axis, drawable
from keras_optim.compare.report.palette import REST
from keras_optim.compare.report.series import Series, by_epoch, by_step
from keras_optim.compare.report.view import NAMED, View
from keras_optim.formatting import counted

NORMS = {"gradient_norm": "norm of the gradient", "update_norm": "norm of the update"}
POINTS, POINTS_OF_REST = 160, 60
"""The most points of a curve with a name, and of one without."""


@dataclass(frozen=True)
class Panel:
    """Panel of a figure: a heading, the axis, and the series of each optimizer."""

    heading: str
    axis: Axis
    series: dict[str, Series]
    ceiling: float = np.inf
    """Values above it are not shown: curves that diverge would flatten the others."""


def metric_figure(view: View, subject: Subject, metric: Measured) -> Figure:
    """Draw a metric, or the loss, in training and on held-out data."""
    labels = view.present(subject.name)
    runs = {label: view.trained(subject.name, label) for label in labels}
    held = {label: by_epoch(runs[label], f"val_{metric.name}") for label in labels}
    detail = "of each step (smoothed)" if metric.name == "loss" else "(mean of the epoch)"
    if metric.name == "loss":
        training = {k: by_step(runs[k], "loss", subject.epochs) for k in labels}
    else:
        training = {k: by_epoch(runs[k], metric.name) for k in labels}
    panels = [
        _panel(f"training {metric.name} {detail}", training, metric),
        _panel(f"held-out {metric.name}", held, metric),
    ]
    return _figure(view, subject, f"{subject.name}: {metric.name}", panels)


def norm_figure(view: View, subject: Subject, name: str) -> Figure:
    """Draw the norm of the gradients or of the updates, on a logarithmic axis."""
    labels = view.present(subject.name)
    series = {
        label: by_step(view.trained(subject.name, label), name, subject.epochs) for label in labels
    }
    panel = Panel(f"{NORMS[name]} of each step (smoothed)", "logarithmic", series)
    return _figure(view, subject, f"{subject.name}: {NORMS[name]}", [panel])


def values_of(series: dict[str, Series], labels: Sequence[str]) -> np.ndarray:
    """Return all values of some optimizers in one row."""
    chosen = [series[label].middle for label in labels if label in series]
    return np.concatenate([*chosen, np.zeros(0)])


def _panel(heading: str, series: dict[str, Series], metric: Measured) -> Panel:
    values = values_of(series, list(series))
    axis = axes_style.kind(values, metric.higher)
    starts = [float(s.middle[np.isfinite(s.middle)][0]) for s in series.values() if s.drawable]
    ceiling = 2 * float(np.median(starts)) if starts and not metric.higher else np.inf
    return Panel(heading, axis, series, ceiling if ceiling > 0 else np.inf)


def _figure(view: View, subject: Subject, title: str, panels: Sequence[Panel]) -> Figure:
    """Draw the panels, with the names of the best beside the last."""
    named = view.named(subject.name)
    texts = {label: _text(view, panels[-1].series[label], label) for label in named}
    column = 0.85 + 0.066 * max([len(text) for text in texts.values()], default=10)
    widths = [4.4] * len(panels) if len(panels) > 1 else [6.4]
    figure, axes = frames.panels(widths, 3.6, right=column)
    for panel, ax in zip(panels, axes, strict=True):
        _draw(view, ax, panel, named)
        axes_style.time_axis(ax, subject.epochs)
    last = panels[-1].series
    ends = [last[label].end if last[label].drawable else (np.nan, np.nan) for label in named]
    shown = [(x, float(drawable(y, panels[-1].axis))) for x, y in ends]
    frames.label_ends(
        axes[-1], shown, list(texts.values()), [view.styles[label].line for label in named]
    )
    frames.frame(figure, title, _subtitle(view, subject, panels), view.comparison.setting)
    return figure


def _draw(view: View, axes: Axes, panel: Panel, named: Sequence[str]) -> None:
    axes.set_title(panel.heading)
    for label in (label for label in panel.series if label not in named):
        thin = panel.series[label].thinned(POINTS_OF_REST)
        middle = drawable(thin.middle, panel.axis)
        axes.plot(thin.x, middle, color=REST, linewidth=0.6, zorder=1)
        _point(axes, thin.x, middle, REST, 1)
    for rank, label in enumerate(named):
        series = panel.series[label].thinned(POINTS)
        style = view.styles[label]
        low, middle, high = (
            drawable(v, panel.axis) for v in (series.low, series.middle, series.high)
        )
        axes.plot(series.x, middle, zorder=4 - rank / 10, **style.line)
        _point(axes, series.x, middle, style.color, 4 - rank / 10)
        if not np.array_equal(low, high, equal_nan=True):
            axes.fill_between(
                series.x, low, high, color=style.color, alpha=0.14, linewidth=0, zorder=2
            )
    axes_style.scale(axes, panel.axis, values_of(panel.series, named), panel.ceiling)


def _text(view: View, series: Series, label: str) -> str:
    """Write the last value before the name."""
    value = f"{series.end[1]:.4g}" if series.drawable else "diverged"
    return f"{value}  {view.short[label]}"


def _subtitle(view: View, subject: Subject, panels: Sequence[Panel]) -> str:
    count = len(view.present(subject.name))
    text = counted(count, "optimizer")
    if count > NAMED:
        text += f", the best and the baseline ({NAMED}) by name"
    text += "; beside a name: the last value of its curve"
    if any(panel.axis == "error" for panel in panels):
        text += "; axes logarithmic in the error"
    return text


def _point(axes: Axes, x: Any, y: Any, color: str, zorder: float) -> None:
    """Mark the only point of a curve: after one epoch there is no line to see."""
    known = np.isfinite(y)
    if known.sum() == 1:
        axes.plot(np.asarray(x)[known], np.asarray(y)[known], "o", ms=4, color=color, zorder=zorder)
