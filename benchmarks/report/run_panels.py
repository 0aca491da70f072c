"""One run: loss, accuracy and gradient norm side by side."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.comparison.progress import decimals
from benchmarks.flags import shortened
from benchmarks.report import axes_style
from benchmarks.report.curves import Curves, smooth
from benchmarks.report.palette import INK, QUIET
from benchmarks.results.runs import Run


def panels(run: Run, curve: Curves, style: dict[str, Any]) -> Figure:
    """Loss, accuracy and gradient norm of one run, side by side."""
    figure = Figure(figsize=(13, 4.3))
    loss, accuracy, norm = figure.subplots(1, 3)
    color = style["color"]
    figure.subplots_adjust(left=0.05, right=0.985, top=0.76, bottom=0.17, wspace=0.2)

    loss.set_title("loss")
    axes_style.raw(loss, curve.steps, curve.step_loss, color, "each step")
    smoothed = smooth(curve.step_loss, curve.window)
    loss.plot(curve.steps, smoothed, color=color, label="training, smoothed")
    _points(loss, curve.epochs, curve.val_loss, "validation")
    axes_style.positive_axis(loss, np.r_[smoothed, curve.val_loss], 10 * curve.loss[0])

    accuracy.set_title("accuracy")
    accuracy.plot(
        curve.epochs,
        axes_style.drawable(curve.accuracy),
        color=color,
        label="training, mean of the epoch",
    )
    _points(accuracy, curve.epochs, axes_style.drawable(curve.val_accuracy), "validation")
    axes_style.accuracy_axis(accuracy, np.r_[curve.accuracy, curve.val_accuracy])

    norm.set_title("gradient norm")
    axes_style.raw(norm, curve.steps, curve.grad_norm, color, "each step")
    smoothed = smooth(curve.grad_norm, curve.window)
    norm.plot(curve.steps, smoothed, color=color, label="smoothed")
    axes_style.positive_axis(
        norm, np.r_[smoothed, np.quantile(_finite(curve.grad_norm), [0.01, 0.99])]
    )

    for axes in (loss, accuracy, norm):
        axes_style.time_axis(axes, run.spec["epochs"])
        axes.legend(frameon=False, fontsize=8.5, labelcolor=QUIET, loc="best")
    result, status = run.result, run.status
    outcome = f"diverged: {status.get('reason')}"
    if run.state == "done":
        outcome = (
            f"test accuracy {result['test_accuracy']:.4f}, "
            f"test loss {decimals(result['test_loss'])}, "
            f"{result['seconds']:.1f} s"
        )
    title = f"{shortened(curve.label)} on {run.spec['workload']}"
    axes_style.frame(figure, run, title, outcome, curve.learning_rate)
    return figure


def _points(axes: Axes, x: Any, y: Any, label: str) -> None:
    axes.plot(
        x, y, color=INK, linestyle="none", marker="o", markersize=4, label=label, clip_on=False
    )


def _finite(values: Any) -> Any:
    kept = values[np.isfinite(values)]
    return kept if len(kept) else np.array([1.0])
