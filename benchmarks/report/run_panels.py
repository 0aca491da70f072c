"""Figure of one run: all its plots side by side."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.measures import LOSS
from benchmarks.report import axes_style
from benchmarks.report.curves import Curves, smooth
from benchmarks.report.palette import INK, QUIET
from benchmarks.report.plots import Plot, plots
from benchmarks.results.runs import Run
from keras_optim.compare.process.flags import shortened


def panels(run: Run, curve: Curves, style: dict[str, Any]) -> Figure:
    """Draw the plots of one run side by side."""
    drawn = plots(run.metric)
    figure = Figure(figsize=(13 * len(drawn) / 3, 4.3))
    figure.subplots_adjust(
        left=0.15 / len(drawn), right=1 - 0.045 / len(drawn), top=0.76, bottom=0.17, wspace=0.2
    )
    for plot, axes in zip(drawn, figure.subplots(1, len(drawn)), strict=True):
        _panel(axes, plot, curve, style["color"])
        axes_style.time_axis(axes, run.spec["epochs"])
        axes.legend(frameon=False, fontsize=8.5, labelcolor=QUIET, loc="best")
    title = f"{shortened(curve.label)} on {run.spec['workload']}"
    axes_style.frame(figure, run, title, _outcome(run), curve.learning_rate)
    return figure


def _panel(axes: Axes, plot: Plot, curve: Curves, color: str) -> None:
    """Draw one plot of one run."""
    axes.set_title(plot.heading)
    if plot.steps:
        raw = curve[plot.steps]
        axes_style.raw(axes, curve.steps, raw, color, "each step")
        shown = smooth(raw, curve.window)
        label = "training, smoothed" if plot.validation else "smoothed"
        axes.plot(curve.steps, shown, color=color, label=label)
        if not plot.validation:
            shown = np.r_[shown, np.quantile(_finite(raw), [0.01, 0.99])]
    else:
        shown = curve[plot.training]
        label = "training, mean of the epoch" if plot.validation else "training"
        axes.plot(curve.epochs, axes_style.drawable(shown, plot.axis), color=color, label=label)
    if plot.validation:
        values = curve[plot.validation]
        _points(axes, curve.epochs, axes_style.drawable(values, plot.axis))
        shown = np.r_[shown, values]
    axes_style.scale(axes, plot.axis, shown, plot.limit([curve], 10))


def _points(axes: Axes, x: Any, y: Any) -> None:
    """Draw the values on the validation set."""
    style: dict[str, Any] = {"color": INK, "linestyle": "none", "marker": "o", "markersize": 4}
    axes.plot(x, y, label="validation", clip_on=False, **style)


def _outcome(run: Run) -> str:
    """Describe the end of the run in one line."""
    if run.state != "done":
        return f"diverged: {run.status.get('reason')}"
    result = run.result
    tests = (f"test {m.heading} {m.text(result[m.test])}" for m in (run.metric, LOSS))
    return f"{', '.join(tests)}, {result['seconds']:.1f} s"


def _finite(values: Any) -> Any:
    kept = values[np.isfinite(values)]
    return kept if len(kept) else np.array([1.0])
