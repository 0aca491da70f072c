"""The metrics of a run as arrays over the training time, ready to be drawn."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.ndimage import median_filter, uniform_filter1d

from benchmarks.results.runs import Run


@dataclass(frozen=True)
class Curves:
    """What one run recorded; every x is counted in epochs."""

    label: str
    epochs: Any
    """0, 1, ...: where the values below that have one entry per epoch belong."""
    loss: Any
    accuracy: Any
    val_loss: Any
    val_accuracy: Any
    steps: Any
    """Ends of the steps: where `step_loss` and `grad_norm` belong."""
    step_loss: Any
    grad_norm: Any
    learning_rate: float
    diverged: bool

    @classmethod
    def of(cls, run: Run) -> "Curves":
        """Read the metrics of `run`."""
        lines = run.metrics

        def each(key: str) -> Any:
            return np.array([_number(line[key]) for line in lines], dtype=float)

        def joined(key: str) -> Any:
            return np.array([_number(v) for line in lines for v in line.get(key, ())], dtype=float)

        ends = [
            line["epoch"] - 1 + (i + 1) / len(line["grad_norm"])
            for line in lines
            if line["epoch"]
            for i in range(len(line["grad_norm"]))
        ]
        return cls(
            label=run.spec["optimizer"],
            epochs=each("epoch"),
            loss=each("loss"),
            accuracy=each("accuracy"),
            val_loss=each("val_loss"),
            val_accuracy=each("val_accuracy"),
            steps=np.array(ends),
            step_loss=joined("step_loss"),
            grad_norm=joined("grad_norm"),
            learning_rate=lines[0]["learning_rate"] if lines else float("nan"),
            diverged=run.state == "diverged",
        )

    @property
    def window(self) -> int:
        """Number of steps that `smooth` takes together: a thirtieth of the run."""
        return max(1, len(self.steps) // 30) | 1


def smooth(values: Any, window: int) -> Any:
    """Running median over `window` steps, then a running mean over as many.

    The median ignores single spikes, the mean takes the stairs out of it. At its ends the curve
    is continued by its reflection.
    """
    if not len(values):
        return values
    median = median_filter(values, size=window, mode="reflect")
    return uniform_filter1d(median, size=window, mode="reflect")


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
