"""Figure of one optimizer on one workload: loss, metric and norm of the gradient side by side."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from keras_optim.compare.analysis import scores
from keras_optim.compare.comparison import Measured, Subject
from keras_optim.compare.report import axes_style, frames
from keras_optim.compare.report.axes_style import Axis, drawable
from keras_optim.compare.report.palette import INK, QUIET
from keras_optim.compare.report.series import Series, by_epoch, by_step, raw_steps
from keras_optim.compare.report.view import View

POINTS = 200
"""The most points of one seed, which are background."""


def optimizer_figure(view: View, subject: Subject, label: str) -> Figure:
    """Draw all that was recorded of one optimizer: each seed faint, the median in colour."""
    metrics = [subject.metrics[0]]
    metrics += [m for m in subject.metrics[1:] if m.name == subject.judge] or subject.metrics[1:2]
    figure, axes = frames.panels([3.7] * (len(metrics) + 1), 3.1, right=0.25)
    for metric, ax in zip(metrics, axes, strict=False):
        _metric(view, ax, subject, label, metric)
    _norm(view, axes[-1], subject, label)
    for ax in axes:
        axes_style.time_axis(ax, subject.epochs)
        if ax.get_legend_handles_labels()[0]:
            ax.legend(frameon=False, fontsize=8, labelcolor=QUIET, loc="best")
    title = f"{subject.name}: {label}"
    frames.frame(figure, title, _outcome(view, subject, label), view.comparison.setting)
    return figure


def _metric(view: View, axes: Axes, subject: Subject, label: str, metric: Measured) -> None:
    runs = view.trained(subject.name, label)
    axes.set_title(metric.name)
    held = by_epoch(runs, f"val_{metric.name}")
    by_steps = metric.name == "loss"
    training = by_step(runs, "loss", subject.epochs) if by_steps else by_epoch(runs, metric.name)
    axis = axes_style.kind(np.r_[training.middle, held.middle], metric.higher)
    text = "training, smoothed" if by_steps else "training, mean of the epoch"
    if by_steps:
        _raw(view, axes, subject, label, "loss", axis)
    _band(axes, training, axis, view.styles[label].color, text)
    held_style: dict[str, Any] = {"marker": "o", "markersize": 3.5, "linewidth": 1}
    _band(axes, held, axis, INK, "held out", **held_style)
    shown = np.r_[training.low, training.high, held.low, held.high]
    axes_style.scale(axes, axis, shown)


def _norm(view: View, axes: Axes, subject: Subject, label: str) -> None:
    axes.set_title("norm of the gradient")
    runs = view.trained(subject.name, label)
    series = by_step(runs, "gradient_norm", subject.epochs)
    raw = _raw(view, axes, subject, label, "gradient_norm", "logarithmic")
    _band(axes, series, "logarithmic", view.styles[label].color, "smoothed")
    extremes = np.quantile(raw, [0.01, 0.99]) if len(raw) else ()
    axes_style.scale(axes, "logarithmic", np.r_[series.middle, extremes])


def _band(axes: Axes, series: Series, axis: Axis, color: str, label: str, **style: Any) -> None:
    if not series.drawable:
        return
    low, middle, high = (drawable(v, axis) for v in (series.low, series.middle, series.high))
    axes.plot(series.x, middle, color=color, label=label, **style)
    if not np.array_equal(low, high, equal_nan=True):
        axes.fill_between(series.x, low, high, color=color, alpha=0.15, linewidth=0)


def _raw(view: View, axes: Axes, subject: Subject, label: str, name: str, axis: Axis) -> np.ndarray:
    """Draw the windows of each seed, faint, and return their finite values."""
    found = [np.zeros(0)]
    for k, run in enumerate(view.trained(subject.name, label)):
        x, y = raw_steps(run, name, subject.epochs)
        every = -(-len(x) // POINTS)
        x, y = x[:: every or 1], y[:: every or 1]
        text = "each seed" if k == 0 and len(y) else None
        color = view.styles[label].color
        axes.plot(x, drawable(y, axis), color=color, alpha=0.2, linewidth=0.5, label=text)
        found.append(axes_style.finite(y))
    return np.concatenate(found)


def _outcome(view: View, subject: Subject, label: str) -> str:
    """Describe the scores of the runs in a line."""
    runs = view.runs(subject.name, label)
    values = [v for run in runs if np.isfinite(v := scores.score(run, subject))]
    where = "test" if subject.test is not None else "held-out"
    parts = [f"{where} {subject.judge} {np.mean(values):.4g}"] if values else []
    if len(values) > 1:
        parts[0] += f" (mean of {len(values)} seeds, {min(values):.4g} to {max(values):.4g})"
    if missed := [run for run in runs if run.state != "done"]:
        parts.append(f"{len(missed)} of {len(runs)} runs {missed[0].state}: {missed[0].reason}")
    rates = sorted({run.learning_rate for run in runs if np.isfinite(run.learning_rate)})
    parts += [f"learning rate {', '.join(f'{rate:.3g}' for rate in rates)}"] if rates else []
    return "; ".join(parts)
