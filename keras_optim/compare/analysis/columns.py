"""Columns of the main table: heading, format, and a sentence that explains the numbers."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from keras_optim.compare.analysis.table import LAST, Row, baseline
from keras_optim.compare.comparison import Comparison

UNKNOWN = "-"


@dataclass(frozen=True)
class Column:
    """Column of the table, for a terminal, Markdown, CSV or HTML."""

    key: str
    """The attribute of a row: for CSV its plain value."""
    heading: str
    form: str
    """The format of a number, with its unit: a text for `str.format`."""
    meaning: str
    main: bool = True
    """Whether a narrow table shows it."""

    def value(self, row: Row) -> Any:
        """Return the value of a row, as it is."""
        return getattr(row, self.key)

    def text(self, row: Row) -> str:
        """Return the value of a row for a reader."""
        return shown(self.value(row), self.form)

    @property
    def numeric(self) -> bool:
        """Whether its cells are aligned to the right."""
        return "{" in self.form


def shown(value: Any, form: str) -> str:
    """Return a value as text.

    >>> shown(0.94444, "{:.3g}"), shown((0.5, 0.75), "{:.2f}"), shown(float("inf"), "{:.0f} s")
    ('0.944', '0.50 to 0.75', 'never')
    >>> shown({"learning_rate": 0.0316, "momentum": 0.9}, "")
    'learning_rate=0.0316, momentum=0.9'
    """
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={_plain(item)}" for key, item in value.items()) or "defaults"
    if isinstance(value, tuple):
        low, high = (shown(item, form) for item in value)
        return UNKNOWN if low == UNKNOWN else f"{low} to {high}"
    if math.isnan(value):
        return UNKNOWN
    return "never" if value == math.inf else form.format(value)


def _plain(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def columns(comparison: Comparison, workload: str) -> tuple[Column, ...]:
    """Return the columns of a workload's table; those that it cannot fill are left out."""
    return (
        *_tuned(comparison),
        *_scored(comparison, workload),
        *_timed(comparison, workload),
        *_costs(comparison),
    )


def _tuned(comparison: Comparison) -> list[Column]:
    found = [
        Column("place", "#", "{:d}", "Place by the score; places that are tied say little."),
        Column("optimizer", "optimizer", "", "The optimizer, by the name it was given."),
        Column("hyperparameters", "chosen", "", "The values of the hyper-parameters that it used."),
    ]
    if comparison.setting.tune != "none":
        found += [
            Column(
                "tuning_runs",
                "tuning runs",
                "{:d}",
                "Trainings that chose these values, on one seed and held-out data.",
                main=False,
            ),
            Column(
                "edge",
                "edge",
                "",
                "Whether the rate is the lowest or highest tried; a better one may lie beyond.",
            ),
        ]
    return found


def _scored(comparison: Comparison, workload: str) -> list[Column]:
    subject = comparison.subjects[workload]
    judge = subject.judge.replace("_", " ")
    form = "{:.4g}"
    part = "held-out" if subject.test is None else "test"
    better = "higher" if subject.higher else "lower"
    last = min(LAST, subject.epochs)
    return [
        Column(
            "mean",
            f"{part} {judge}",
            form,
            f"Mean of the {part} {judge} over seeds, at the epoch with the best validation; "
            f"{better} is better.",
        ),
        Column("interval", "95 % interval", form, "Interval of that mean, from the seeds."),
        Column("median", "median", form, "Median over seeds.", main=False),
        Column("quartiles", "25 to 75 %", form, "Middle half of the seeds.", main=False),
        Column("verdict", "verdict", "", "Comparison with the best; tied: not distinguishable."),
        Column("difference", "behind", form, "How much worse than the best, over common seeds."),
        Column("margin", "margin", form, "The difference that chance explains."),
        Column("seeds", "seeds", "{:d}", "Judging runs, none of which tuning has seen."),
        Column("misses", "misses", "{:d}", "Judging runs that diverged or failed."),
        Column("best", "best", form, f"Held-out {judge} at the best epoch.", main=False),
        Column("final", "final", form, f"Held-out {judge} at the last epoch.", main=False),
        Column(
            "last",
            f"last {last}",
            form,
            f"Held-out {judge}, mean of the last {last} epochs.",
            main=False,
        ),
    ]


def _timed(comparison: Comparison, workload: str) -> list[Column]:
    subject = comparison.subjects[workload]
    if subject.target is None:
        return []
    sign = ">=" if subject.higher else "<="
    goal = f"until held-out {subject.judge} {sign} {subject.target:.4g}, median over seeds"
    return [
        Column("epochs_to_target", "epochs to target", "{:g}", f"Epochs {goal}."),
        Column("steps_to_target", "steps to target", "{:g}", f"Steps {goal}.", main=False),
        Column("seconds_to_target", "s to target", "{:.3g}", f"Seconds {goal}.", main=False),
    ]


def _costs(comparison: Comparison) -> list[Column]:
    quiet = [
        Column(
            "relative_step",
            "step time",
            "{:.2f} x",
            f"Time of a training step, as a multiple of that with {baseline(comparison)}.",
        )
    ]
    return [
        Column(
            "state_per_weight",
            "state",
            "{:.2f} x",
            "Memory of the optimizer's state, as a multiple of that of the weights.",
        ),
        *(quiet if comparison.setting.quiet else []),
        Column(
            "compile_seconds",
            "compile",
            "{:.2f} s",
            "Seconds of the first step beyond a usual one.",
            main=False,
        ),
        Column(
            "peak_megabytes",
            "peak",
            "{:.0f} MB",
            "Peak memory of the process or device.",
            main=False,
        ),
    ]
