"""Curves of a run: its measures as arrays over the training time."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.ndimage import median_filter, uniform_filter1d

from benchmarks.measures import measures_per
from benchmarks.results.runs import Run


@dataclass(frozen=True)
class Curves:
    """Recorded measures of one run; every x is counted in epochs."""

    label: str
    epochs: Any
    """0, 1, ...: the x of measures per epoch."""
    steps: Any
    """Ends of the steps: the x of measures per step."""
    values: dict[str, Any]
    """The y of each measure."""
    learning_rate: float
    diverged: bool

    @classmethod
    def of(cls, run: Run) -> "Curves":
        """Read the lines of `run`."""
        lines = run.metrics
        per_epoch, per_step = (measures_per(per, run.metric) for per in ("epoch", "step"))
        values = {m.name: _array(line.get(m.name) for line in lines) for m in per_epoch}
        for measure in per_step:
            values[measure.name] = _array(v for line in lines for v in line.get(measure.name, ()))
        counts = [(line["epoch"], len(line.get(per_step[0].name, ()))) for line in lines]
        ends = [epoch - 1 + (i + 1) / count for epoch, count in counts for i in range(count)]
        return cls(
            label=run.spec["optimizer"],
            epochs=_array(line["epoch"] for line in lines),
            steps=np.array(ends),
            values=values,
            learning_rate=lines[0]["learning_rate"] if lines else float("nan"),
            diverged=run.state == "diverged",
        )

    def __getitem__(self, measure: str) -> Any:
        return self.values[measure]

    @property
    def window(self) -> int:
        """Number of steps that `smooth` takes together: a thirtieth of the run."""
        return max(1, len(self.steps) // 30) | 1


def smooth(values: Any, window: int) -> Any:
    """Take the running median over `window` steps, then the running mean over as many.

    The median ignores single spikes, and the mean removes its stairs. Beyond its ends the curve
    is continued by its reflection.
    """
    if not len(values):
        return values
    median = median_filter(values, size=window, mode="reflect")
    return uniform_filter1d(median, size=window, mode="reflect")


def _array(values: Iterable[float | None]) -> Any:
    """Make an array; null stands for a number that is not finite."""
    return np.array([float("nan") if value is None else value for value in values], dtype=float)
