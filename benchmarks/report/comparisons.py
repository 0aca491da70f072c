"""Figures of all optimizers of a workload, each curve labelled at its end."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.report import axes_style
from benchmarks.report.curves import Curves, smooth
from benchmarks.report.palette import INK
from benchmarks.report.plots import Plot
from benchmarks.results.runs import Run
from keras_optim.compare.process.flags import shortened

FEW = 3
"""Up to this many optimizers, a figure of steps alone shows each step behind the curves."""
Styles = dict[str, dict[str, Any]]
Line = tuple[Curves, Any]
"""A curve of the last panel, and its values."""


def comparison(run: Run, plot: Plot, curves: Sequence[Curves], styles: Styles) -> Figure:
    """Draw one plot of all optimizers: training, and validation beside it if the plot has it.

    Args:
        run: One of the runs, for the footer.
        plot: The quantity.
        curves: The curves of all runs.
        styles: Colour and line style of each label.
    """
    figure, panels = _figure(2 if plot.validation else 1, curves)
    lines = _training(panels[0], plot, curves, styles)
    if plot.validation:
        lines = _validation(panels[1], plot, curves, styles)
    for axes in panels:
        axes_style.time_axis(axes, run.spec["epochs"])
    _label_ends(figure, panels[-1], plot, lines, styles)
    rates = {curve.learning_rate for curve in curves}
    rate = rates.pop() if len(rates) == 1 else None
    count = f"{len(lines)} optimizers" if len(lines) > 1 else "1 optimizer"
    outcome = f"{count}; the number beside a name is the last value of its curve"
    if plot.axis == "error":
        outcome += "; the axes are logarithmic in the error"
    axes_style.frame(figure, run, f"{run.spec['workload']}: {plot.heading}", outcome, rate)
    return figure


def _training(axes: Axes, plot: Plot, curves: Sequence[Curves], styles: Styles) -> list[Line]:
    """Draw each step, smoothed, or each epoch on training examples."""
    kind = "training " if plot.validation else ""
    detail = "of each step (smoothed)" if plot.steps else "(mean of the epoch)"
    axes.set_title(f"{kind}{plot.heading} {detail}")
    lines = []
    for curve in curves:
        style = styles[curve.label]
        if plot.steps:
            raw = curve[plot.steps]
            values = smooth(raw, curve.window)
            if len(curves) <= FEW and not plot.validation:
                axes_style.raw(axes, curve.steps, raw, style["color"], "")
            axes.plot(curve.steps, values, **style)
        else:
            values = curve[plot.training]
            _epochs(axes, plot, curve, values, style)
        lines.append((curve, values))
    shown = np.concatenate([values for _, values in lines])
    axes_style.scale(axes, plot.axis, shown, plot.limit(curves, 2))
    return lines


def _validation(axes: Axes, plot: Plot, curves: Sequence[Curves], styles: Styles) -> list[Line]:
    """Draw each epoch on the validation set."""
    axes.set_title(f"validation {plot.heading}")
    lines = [(curve, curve[plot.validation]) for curve in curves]
    for curve, values in lines:
        _epochs(axes, plot, curve, values, styles[curve.label])
    shown = np.concatenate([values for _, values in lines])
    axes_style.scale(axes, plot.axis, shown, plot.limit(curves, 2))
    return lines


def _epochs(axes: Axes, plot: Plot, curve: Curves, values: Any, style: dict[str, Any]) -> None:
    """Draw one value per epoch."""
    shown = axes_style.drawable(values, plot.axis)
    axes.plot(curve.epochs, shown, marker="o", markersize=3.5, **style)


def _figure(panels: int, curves: Sequence[Curves]) -> tuple[Figure, Any]:
    """Make `panels` axes beside each other with a column for the labels on the right."""
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


def _label_ends(
    figure: Figure, axes: Axes, plot: Plot, lines: Sequence[Line], styles: Styles
) -> None:
    """Write name and last value of each curve on the right of `axes`."""
    _, low, _, high = axes.bbox.extents
    ends = [_end(curve, values) for curve, values in lines]
    drawn = [(x, axes_style.drawable(y, plot.axis)) for x, y in ends]
    wanted = [np.clip(axes.transData.transform(end)[1], low, high) for end in drawn]
    for i, (curve, _) in enumerate(lines):
        if curve.diverged:  # place the label beyond the worst
            wanted[i] = low - 1 if plot.higher else high + 1
    places = axes_style.spread(wanted, 15 * figure.dpi / 100, low, high)
    width = axes.get_position().width * figure.get_size_inches()[0]
    for (curve, _), (_, last), end, place in zip(lines, ends, drawn, places, strict=True):
        y, style = (place - low) / (high - low), styles[curve.label]
        if not curve.diverged:
            _connect(axes, end, (1 + 0.26 / width, y), style["color"])
        sample = (1 + 0.28 / width, 1 + 0.6 / width)
        axes.plot(sample, [y, y], transform=axes.transAxes, clip_on=False, **style)
        value = "diverged" if curve.diverged else format(last, plot.form)
        text = f"{value}  {shortened(curve.label)}"
        where: dict[str, Any] = {"transform": axes.transAxes, "va": "center"}
        axes.text(1 + 0.68 / width, y, text, fontsize=9, color=INK, **where)


def _connect(axes: Axes, end: tuple[float, Any], label: tuple[float, float], color: str) -> None:
    """Draw a thin line from the end of a curve to its label."""
    axes.annotate(
        "",
        xy=end,
        xytext=label,
        textcoords="axes fraction",
        arrowprops={"arrowstyle": "-", "color": color, "linewidth": 0.6},
        annotation_clip=False,
    )


def _end(curve: Curves, values: Any) -> tuple[float, float]:
    """Find the last finite point of a curve."""
    finite = np.flatnonzero(np.isfinite(values))
    last = finite[-1] if len(finite) else 0
    return (curve.epochs if len(values) == len(curve.epochs) else curve.steps)[last], values[last]
