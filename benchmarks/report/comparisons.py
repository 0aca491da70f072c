"""All optimizers of a workload in one figure, each curve labelled at its end."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.flags import shortened
from benchmarks.report import axes_style
from benchmarks.report.curves import Curves, smooth
from benchmarks.report.palette import INK
from benchmarks.results.runs import Run

FEW = 3
"""Up to this many optimizers an overlay shows each step behind the smoothed curves."""


def loss_overlay(run: Run, curves: Sequence[Curves], styles: dict[str, Any]) -> Figure:
    """Training loss of each step and validation loss of each epoch, all optimizers."""
    figure, (training, validation) = _overlay(2, curves)
    ceiling = 2 * max(curve.loss[0] for curve in curves)
    training.set_title("training loss of each step (smoothed)")
    validation.set_title("validation loss")
    lines, shown = [], []
    for curve in curves:
        values = smooth(curve.step_loss, curve.window)
        training.plot(curve.steps, values, **styles[curve.label])
        validation.plot(
            curve.epochs, curve.val_loss, marker="o", markersize=3.5, **styles[curve.label]
        )
        shown.append(values)
        lines.append((curve, curve.val_loss))
    axes_style.positive_axis(training, np.concatenate(shown), ceiling)
    axes_style.positive_axis(validation, np.concatenate([c.val_loss for c in curves]), ceiling)
    _finish(figure, run, "loss", [training, validation], lines, styles)
    return figure


def accuracy_overlay(run: Run, curves: Sequence[Curves], styles: dict[str, Any]) -> Figure:
    """Training and validation accuracy of each epoch, all optimizers."""
    figure, (training, validation) = _overlay(2, curves)
    training.set_title("training accuracy (mean of the epoch)")
    validation.set_title("validation accuracy")
    lines = []
    for curve in curves:
        style = {"marker": "o", "markersize": 3.5, **styles[curve.label]}
        training.plot(curve.epochs, axes_style.drawable(curve.accuracy), **style)
        validation.plot(curve.epochs, axes_style.drawable(curve.val_accuracy), **style)
        lines.append((curve, curve.val_accuracy))
    axes_style.accuracy_axis(training, np.concatenate([c.accuracy for c in curves]))
    axes_style.accuracy_axis(validation, np.concatenate([c.val_accuracy for c in curves]))
    _finish(figure, run, "accuracy", [training, validation], lines, styles)
    return figure


def norm_overlay(run: Run, curves: Sequence[Curves], styles: dict[str, Any]) -> Figure:
    """Gradient norm of each step, all optimizers."""
    figure, (axes,) = _overlay(1, curves)
    axes.set_title("norm of each step's gradient (smoothed)")
    lines, shown = [], []
    for curve in curves:
        values = smooth(curve.grad_norm, curve.window)
        if len(curves) <= FEW:
            axes_style.raw(axes, curve.steps, curve.grad_norm, styles[curve.label]["color"], "")
        axes.plot(curve.steps, values, **styles[curve.label])
        shown.append(values)
        lines.append((curve, values))
    axes_style.positive_axis(axes, np.concatenate(shown))
    _finish(figure, run, "gradient norm", [axes], lines, styles)
    return figure


def _overlay(panels: int, curves: Sequence[Curves]) -> tuple[Figure, Any]:
    """A figure of `panels` beside each other with a column for the labels on the right."""
    height = max(5.2, 1.75 + 0.19 * len(curves))
    column = 1.75 + 0.078 * max(len(shortened(curve.label)) for curve in curves)
    inner = 9.2 if panels == 2 else 7.2
    width = 0.65 + inner + column
    figure = Figure(figsize=(width, height))
    axes = figure.subplots(1, panels, squeeze=False)[0]
    figure.subplots_adjust(
        left=0.65 / width,
        right=1 - column / width,
        top=1 - 1.0 / height,
        bottom=0.75 / height,
        wspace=0.17,
    )
    return figure, axes


def _finish(
    figure: Figure,
    run: Run,
    quantity: str,
    panels: Sequence[Axes],
    lines: Sequence[tuple[Curves, Any]],
    styles: dict[str, Any],
) -> None:
    """Label the curves' ends beside the last panel, then title and footer."""
    for axes in panels:
        axes_style.time_axis(axes, run.spec["epochs"])
    axes = panels[-1]
    _, low, _, high = axes.bbox.extents
    accuracy = quantity == "accuracy"
    ends = [_end(curve, values) for curve, values in lines]
    drawn = [(x, axes_style.drawable(y) if accuracy else y) for x, y in ends]
    wanted = [np.clip(axes.transData.transform(end)[1], low, high) for end in drawn]
    for i, (curve, _) in enumerate(lines):
        if curve.diverged:  # beyond the worst
            wanted[i] = low - 1 if accuracy else high + 1
    places = axes_style.spread(wanted, 15 * figure.dpi / 100, low, high)
    width = axes.get_position().width * figure.get_size_inches()[0]
    for (curve, _), (_, last), end, place in zip(lines, ends, drawn, places, strict=True):
        y = (place - low) / (high - low)
        style = styles[curve.label]
        if not curve.diverged:
            axes.annotate(
                "",
                xy=end,
                xytext=(1 + 0.26 / width, y),
                textcoords="axes fraction",
                arrowprops={"arrowstyle": "-", "color": style["color"], "linewidth": 0.6},
                annotation_clip=False,
            )
        sample = (1 + 0.28 / width, 1 + 0.6 / width)
        axes.plot(sample, [y, y], transform=axes.transAxes, clip_on=False, **style)
        value = f"{last:.4f}" if len(panels) == 2 else f"{last:.3g}"
        if curve.diverged:
            value = "diverged"
        axes.text(
            1 + 0.68 / width,
            y,
            f"{value}  {shortened(curve.label)}",
            transform=axes.transAxes,
            va="center",
            fontsize=9,
            color=INK,
        )
    rates = {curve.learning_rate for curve, _ in lines}
    rate = rates.pop() if len(rates) == 1 else None
    count = f"{len(lines)} optimizers" if len(lines) > 1 else "1 optimizer"
    outcome = f"{count}; the number beside a name is the last value of its curve"
    if accuracy:
        outcome += "; the axes are logarithmic in the error"
    axes_style.frame(figure, run, f"{run.spec['workload']}: {quantity}", outcome, rate)


def _end(curve: Curves, values: Any) -> tuple[float, float]:
    """The last finite point of a curve."""
    finite = np.flatnonzero(np.isfinite(values))
    last = finite[-1] if len(finite) else 0
    return (curve.epochs if len(values) == len(curve.epochs) else curve.steps)[last], values[last]
