"""The rate to start with, from the losses of a sweep over rates."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Losses = NDArray[np.float64]
FALLEN = 0.2
"""Share of its whole fall after which the loss has begun to fall."""
BELOW = 5.0
"""A suggestion is at least by this factor lower than the rate of the lowest loss."""
CLEAR = 8.0
"""The window grows until the fall is that many times the error of the smoothed loss, ..."""
WINDOWS = (0.03, 1 / 12)
"""... between these shares of the sweep (standard deviation of the weights)."""
VISIBLE = 4.0
"""A fall of fewer times that error may be noise: of 100 pure noises 4 have a larger one."""


class NoFall(ValueError):
    """The loss does not fall clearly above its noise."""


@dataclass(frozen=True)
class RateCurve:
    """The smoothed loss of a sweep, and what is read from it, as indices of rates."""

    smoothed: Losses
    begins: int
    """Where the loss has begun to fall."""
    lowest: int
    """Where it is lowest; from there on it rises."""
    clear: float
    """The fall in multiples of the error of the smoothed loss."""

    def suggestion(self, rates: Sequence[float]) -> float:
        """Halfway, on a logarithmic scale, between the two; at most a fifth of the upper one.

        Raises:
            NoFall: the loss does not fall, or not clearly above its noise.
        """
        if not self.clear >= VISIBLE or self.lowest == 0:
            raise NoFall
        begins, lowest = rates[self.begins], rates[self.lowest]
        return float(min((begins * lowest) ** 0.5, lowest / BELOW))


def rate_curve(losses: Sequence[float]) -> RateCurve:
    """The curve of the finite `losses`, one per rate, at least 5, of rates with a constant ratio.

    A Gaussian window averages each loss with its neighbours. It is as narrow as the noise allows,
    which is measured by the differences between one loss and the next. Losses far above those at
    the start count as if they were near, so that the explosion at the end does not reach back.

    >>> losses = [1.0] * 30 + [0.9, 0.7, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0, 1.0, 9.0]
    >>> curve = rate_curve(losses)
    >>> curve.begins, curve.lowest
    (30, 36)
    """
    values = np.asarray(losses, "float64")
    count = len(values)
    half = values[: max(count // 2, 5)]
    noise = float(np.median(np.abs(np.diff(half)))) / 0.954  # of Gaussian noise: its deviation
    noise = max(noise, 1e-6 * float(np.median(np.abs(half))))  # of rounding
    capped = np.minimum(values, np.median(values[: max(count // 4, 5)]) + 3.0 * noise)
    width, widest = (max(share * count, 1.0) for share in WINDOWS)
    while True:
        smoothed = _average(capped, width)
        lowest = int(np.argmin(smoothed))
        level = float(np.mean(capped[: max(lowest // 2, 3)]))
        fall = level - float(smoothed[lowest])
        error = noise / (1.0 + 3.54 * width) ** 0.5  # of a mean of about 3.54 widths of losses
        if error * CLEAR <= fall or width >= widest:
            break
        width = min(1.3 * width, widest)
    above = np.flatnonzero(smoothed[:lowest] >= level - FALLEN * fall)
    clear = fall / error if error else 0.0
    return RateCurve(smoothed, int(above[-1]) if len(above) else 0, lowest, clear)


def _average(values: Losses, width: float) -> Losses:
    steps = np.arange(len(values))
    weights = np.exp(-0.5 * ((steps[:, None] - steps) / width) ** 2)
    average: Losses = weights @ values / weights.sum(1)
    return average
