"""Series: a quantity of several runs over the training, as a median with its quartiles."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from keras_optim.compare.runs import Run


@dataclass(frozen=True)
class Series:
    """Median over seeds and its 25-75 % band; `x` counts epochs."""

    x: Any
    middle: Any
    low: Any
    high: Any

    @property
    def drawable(self) -> bool:
        """Whether a number can be seen."""
        return bool(np.isfinite(self.middle).any())

    @property
    def end(self) -> tuple[float, float]:
        """The last point that is finite."""
        last = np.flatnonzero(np.isfinite(self.middle))[-1]
        return float(self.x[last]), float(self.middle[last])

    def thinned(self, most: int) -> "Series":
        """Keep `most` points at equal distances, the first and the last among them."""
        if len(self.x) <= most:
            return self
        kept = np.unique(np.linspace(0, len(self.x) - 1, most).round().astype(int))
        return Series(*(values[kept] for values in (self.x, self.middle, self.low, self.high)))


def by_epoch(runs: Sequence[Run], name: str) -> Series:
    """Return the values of each epoch, that before training included."""
    return _joined([np.asarray(run.epochs.get(name, ()), float) for run in runs], np.arange)


def by_step(runs: Sequence[Run], name: str, epochs: int) -> Series:
    """Return the values of the windows of steps, each run smoothed before the median."""
    values = [np.asarray(run.steps.get(name, ()), float) for run in runs]
    longest = max(runs, key=lambda run: len(run.steps.get("step", ())), default=None)
    steps = np.asarray(longest.steps.get("step", ()) if longest else (), float)
    scale = _steps_per_epoch(longest, epochs) if longest else 1.0
    return _joined([smooth(v) for v in values], lambda n: steps[:n] / scale)


def raw_steps(run: Run, name: str, epochs: int) -> tuple[Any, Any]:
    """Return the epochs and values of the windows of one run."""
    values = np.asarray(run.steps.get(name, ()), float)
    steps = np.asarray(run.steps.get("step", ()), float)[: len(values)]
    return steps / _steps_per_epoch(run, epochs), values[: len(steps)]


def smooth(values: Any) -> Any:
    """Take the running median over a thirtieth of the run, then the running mean over as much.

    The median ignores single spikes, and the mean removes its stairs. Beyond its ends the curve
    is continued by its reflection.
    """
    width = max(1, len(values) // 30) | 1
    for mean in (np.median, np.mean):
        if width > 1:
            padded = np.pad(values, width // 2, mode="symmetric")
            values = mean(sliding_window_view(padded, width), axis=-1)
    return values


def _steps_per_epoch(run: Run, epochs: int) -> float:
    """Return the number of steps in an epoch; from the length of the run if nobody noted it."""
    noted = run.cost.get("steps_per_epoch", np.nan)
    if noted > 0:
        return float(noted)
    steps = run.steps.get("step", ())
    return max(float(steps[-1]) if len(steps) else 1.0, 1.0) / max(epochs, 1)


def _joined(curves: Sequence[Any], places: Any) -> Series:
    """Join curves; the median ends where less than half of the runs go on."""
    length = max(map(len, curves), default=0)
    table = np.full((max(len(curves), 1), length), np.nan)
    for row, values in zip(table, curves, strict=False):
        row[: len(values)] = values
    table[~np.isfinite(table)] = np.nan
    count = np.isfinite(table).sum(axis=0)
    quartiles = np.full((3, length), np.nan)
    for present in np.unique(
        count[(count > 0) & (count * 2 >= len(table))]
    ):  # faster than `nanquantile`
        rows = np.sort(table[:, count == present], axis=0)[:present]  # NaN is last
        quartiles[:, count == present] = np.quantile(rows, (0.25, 0.5, 0.75), axis=0)
    low, middle, high = quartiles
    return Series(np.asarray(places(length), float)[:length], middle, low, high)
