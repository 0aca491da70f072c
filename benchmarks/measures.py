"""Measures and metrics: one row for each number that a run records, tabulates or draws.

A workload states its `Metric`; `measures` lists all rows of a run with that metric. The recorder,
the checks, the tables and the figures loop over these rows. A new number is a row here, and a
property of the object that the row reads: `Epoch` or `Ending` in `benchmarks.training`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from keras_optim.compare import checks
from keras_optim.compare.checks import Check

Axis = Literal["logarithmic", "error", "linear"]
"""Scale of a figure's axis; "error" is logarithmic in 1 - y, for values in [0, 1]."""
Per = Literal["step", "epoch", "run"]


@dataclass(frozen=True)
class Metric:
    """Quality of a model's predictions, as Keras evaluates it on each part of the data."""

    name: str
    """Name in Keras's logs, in files and in names of figures."""
    heading: str
    axis: Axis
    higher: bool
    """Whether a higher value is better."""
    bounded: bool = False
    """Whether it lies in [0, 1], and so is always finite."""
    steps: str = ""
    """The measure of each step that records the same quantity; empty without one."""
    form: str = ".4f"

    @property
    def validation(self) -> str:
        """Name of its value on the validation set."""
        return f"val_{self.name}"

    @property
    def test(self) -> str:
        """Name of its value on the test set."""
        return f"test_{self.name}"

    @property
    def check(self) -> Check:
        """Check of the value of a run that is done."""
        return checks.share if self.bounded else checks.measured

    def text(self, value: float | None) -> str:
        """Write a value; null stands for one that is not finite."""
        return "not finite" if value is None else format(value, self.form)

    def rank(self, value: float | None) -> float:
        """Sort key that puts the best value first, and a missing one last."""
        if value is None:
            return math.inf
        return -value if self.higher else value


LOSS = Metric("loss", "loss", "logarithmic", higher=False, steps="step_loss")


@dataclass(frozen=True)
class Measure:
    """Number that a run records for each step, each epoch, or once."""

    name: str
    """Key in the files of a run."""
    per: Per
    read: Callable[[Any], Any]
    """Reads it from an `Epoch`, or for a whole run from an `Ending`."""
    heading: str = ""
    """Title of its column or figure; without one, only files have it."""
    form: str = ""
    """Format of the number, as in a format string."""
    axis: Axis | None = None
    """Scale of its figure; without one, it has no figure of its own."""
    check: Check = checks.measured
    """Check of a value that a file holds."""
    always: bool = True
    """Whether the line before training, or the result of a diverged run, has it too."""


def measures(metric: Metric) -> tuple[Measure, ...]:
    """List the rows of a run with `metric`, in the order in which files hold them."""
    both = (LOSS, metric)
    return (
        *(_training(each) for each in both),
        *(_validation(each) for each in both),
        Measure("learning_rate", "epoch", lambda epoch: epoch.learning_rate),
        Measure("seconds", "epoch", lambda epoch: epoch.seconds, always=False),
        Measure("step_loss", "step", lambda epoch: epoch.step_losses),
        _GRADIENT_NORM,
        _test(metric),
        _test(LOSS),
        *_ONCE,
    )


def measures_per(per: Per, metric: Metric) -> tuple[Measure, ...]:
    """List the rows of `measures` for each step, for each epoch, or for the whole run."""
    return tuple(row for row in measures(metric) if row.per == per)


def _training(metric: Metric) -> Measure:
    """Row of the mean over the training examples of an epoch."""
    name = metric.name
    return Measure(name, "epoch", lambda epoch: float(epoch.training[name]))


def _validation(metric: Metric) -> Measure:
    """Row of the validation set after an epoch."""
    name = metric.name
    return Measure(metric.validation, "epoch", lambda epoch: epoch.validation[name])


def _test(metric: Metric) -> Measure:
    """Row of the test set at the end of a run."""
    return Measure(
        metric.test,
        "run",
        lambda ending: ending.test[metric.name],
        heading=f"test {metric.heading}",
        form=metric.form,
        check=metric.check,
        always=False,
    )


_GRADIENT_NORM = Measure(
    "grad_norm",
    "step",
    lambda epoch: epoch.gradient_norms,
    heading="gradient norm",
    form=".3g",
    axis="logarithmic",
)
_ONCE = (
    Measure(
        "seconds",
        "run",
        lambda ending: ending.journal.total_seconds,
        heading="seconds",
        form=".1f",
        check=checks.number,
    ),
    Measure(
        "first_step_seconds",
        "run",
        lambda ending: ending.journal.first_step,
        check=checks.number,
    ),
    Measure(
        "steps_per_second",
        "run",
        lambda ending: ending.journal.steps_per_second,
        heading="steps / s",
        form=".0f",
    ),
    Measure(
        "state_per_weight",
        "run",
        lambda ending: ending.state_per_weight,
        heading="state / weight bytes",
        form=".2f",
        check=checks.number,
    ),
    Measure("device", "run", lambda ending: ending.device, check=checks.text),
)
