"""Curve of losses over rates, and the rate that it suggests."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Losses = NDArray[np.float64]
FALLEN = 0.2
"""The share of its whole fall after which the loss counts as falling."""
BELOW = 5.0
"""The least factor between the rate of the lowest loss and the suggestion below it."""
CLEAR = 8.0
"""The window grows until the fall is this many times the error of the smoothed loss."""
WINDOWS = (0.03, 1 / 12)
"""The narrowest and the widest window: standard deviations, as shares of the sweep."""
VISIBLE = 4.0
"""A fall below this many times the error may be noise: 4 of 100 pure noises have a larger one."""


class NoFall(ValueError):
    """The loss does not fall clearly above its noise."""


@dataclass(frozen=True)
class RateCurve:
    """The smoothed loss of a sweep, and two indices of rates."""

    smoothed: Losses
    begins: int
    """The rate at which the loss has begun to fall."""
    lowest: int
    """The rate of the lowest loss; above it, the loss rises."""
    clear: float
    """The fall in multiples of the error of the smoothed loss."""

    def suggestion(self, rates: Sequence[float]) -> float:
        """Return the rate halfway between both, on a logarithmic scale, or less (see `BELOW`).

        Raises:
            NoFall: the loss does not fall, or not clearly above its noise.
        """
        if not self.clear >= VISIBLE or self.lowest == 0:
            raise NoFall
        begins, lowest = rates[self.begins], rates[self.lowest]
        return float(min((begins * lowest) ** 0.5, lowest / BELOW))


def rate_curve(losses: Sequence[float]) -> RateCurve:
    """Compute the curve of at least 5 finite losses, one per rate, of rates in a constant ratio.

    A Gaussian window averages each loss with its neighbours. It is as narrow as the noise allows;
    differences between one loss and the next measure the noise. Losses far above the first ones
    are capped, so that the explosion at the end does not reach back.

    >>> losses = [1.0] * 30 + [0.9, 0.7, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0, 1.0, 9.0]
    >>> curve = rate_curve(losses)
    >>> curve.begins, curve.lowest
    (30, 36)
    """
    values = np.asarray(losses, "float64")
    count = len(values)
    half = values[: max(count // 2, 5)]
    noise = float(np.median(np.abs(np.diff(half)))) / 0.954  # the deviation, if it is Gaussian
    noise = max(noise, 1e-6 * float(np.median(np.abs(half))))  # of rounding
    capped = np.minimum(values, np.median(values[: max(count // 4, 5)]) + 3.0 * noise)
    width, widest = (max(share * count, 1.0) for share in WINDOWS)
    while True:
        smoothed = _average(capped, width)
        lowest = int(np.argmin(smoothed))
        level = float(np.mean(capped[: max(lowest // 2, 3)]))
        fall = level - float(smoothed[lowest])
        error = noise / (1.0 + 3.54 * width) ** 0.5  # a mean of about 3.54 widths of losses
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
