"""Plots of a run: one row for each quantity that has a figure, with its measures."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.measures import LOSS, Axis, Measure, Metric, measures_per
from benchmarks.report.curves import Curves


@dataclass(frozen=True)
class Plot:
    """Quantity over the training time."""

    name: str
    """The first part of its figure's name."""
    heading: str
    axis: Axis
    form: str
    higher: bool = False
    """Whether a higher value is better."""
    steps: str = ""
    """Measure of each step, if the quantity has one."""
    training: str = ""
    """Measure of each epoch on training examples, if the quantity has one."""
    validation: str = ""
    """Measure of each epoch on the validation set, if the quantity has one."""

    def limit(self, curves: Sequence[Curves], factor: float) -> float:
        """Return the largest value to show: `factor` times the worst one before training."""
        if self.axis != "logarithmic" or self.higher or not self.validation:
            return float("inf")
        return factor * max(curve[self.training][0] for curve in curves)


def plots(metric: Metric) -> list[Plot]:
    """List the plots of runs with `metric`: its own, the loss, and measures that have an axis."""
    recorded = (*measures_per("epoch", metric), *measures_per("step", metric))
    return [_evaluated(LOSS), _evaluated(metric), *(_recorded(m) for m in recorded if m.axis)]


def _evaluated(metric: Metric) -> Plot:
    """Plot a metric on training examples and on the validation set."""
    return Plot(
        metric.name,
        metric.heading,
        metric.axis,
        metric.form,
        metric.higher,
        steps=metric.steps,
        training=metric.name,
        validation=metric.validation,
    )


def _recorded(measure: Measure) -> Plot:
    """Plot a measure of each step or epoch."""
    assert measure.axis is not None
    name, in_steps = measure.name, measure.per == "step"
    return Plot(
        name,
        measure.heading,
        measure.axis,
        measure.form,
        steps=name if in_steps else "",
        training="" if in_steps else name,
    )
