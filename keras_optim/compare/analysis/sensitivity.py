"""Sensitivity to the rate: the tuning value at each rate, and how wide the good rates reach."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from keras_optim.compare.analysis.scores import tuning_key
from keras_optim.compare.analysis.selection import runs_of
from keras_optim.compare.comparison import Comparison, Subject
from keras_optim.compare.runs import Run

TOLERANCE = 0.1
_ROUNDING = 1e-9
"""Of sums of shares: one example more is one example more."""


@dataclass(frozen=True)
class Sensitivity:
    """Curve of an optimizer on a workload, and the region of good rates around the best.

    A rate is good if its error is at most 10 % above that of the best rate, or for a share of
    examples at most one example worse. The error of a share is 1 less the share. Between rates the
    curve is a straight line over the logarithm of the rate, and it ends before a miss.
    """

    optimizer: str
    rates: tuple[float, ...]
    """Those tried, rising. Empty for an optimizer without a rate."""
    values: tuple[float, ...]
    """The best value that tuning saw at each rate; NaN for a miss."""
    best: float
    """The best rate; NaN if each missed."""
    low: float
    """The lowest good rate."""
    high: float
    """The highest good rate."""
    low_open: bool
    """Whether the region reaches the lowest rate tried, so that it may be wider."""
    high_open: bool
    """The same at the highest."""

    @property
    def width(self) -> float:
        """The width of the good region in decades."""
        return math.log10(self.high / self.low)

    @property
    def at_least(self) -> bool:
        """Whether the width is a lower bound, because the region touches an edge."""
        return self.low_open or self.high_open


def sensitivity(
    comparison: Comparison, workload: str, tolerance: float = TOLERANCE
) -> dict[str, Sensitivity]:
    """Return the sensitivity of each optimizer to the rate."""
    subject = comparison.subjects[workload]
    return {
        name: _of(name, runs, subject, tolerance)
        for name, runs in runs_of(comparison, workload, "tuning").items()
    }


def _of(name: str, runs: Sequence[Run], subject: Subject, tolerance: float) -> Sensitivity:
    by_rate = _by_rate(runs, subject)
    rates = tuple(by_rate)
    # `tuning_key` turns a value so that a lower one is better.
    values = tuple(
        math.nan if key == math.inf else -key if subject.higher else key for key in by_rate.values()
    )
    costs = _errors(list(by_rate.values()), subject)
    if not costs or min(costs) == math.inf:
        return Sensitivity(name, rates, values, math.nan, math.nan, math.nan, False, False)
    best = costs.index(min(costs))
    limit = costs[best] + _allowed(costs[best], subject, tolerance)
    low, low_open = _end(rates[best::-1], costs[best::-1], limit)
    high, high_open = _end(rates[best:], costs[best:], limit)
    return Sensitivity(name, rates, values, rates[best], low, high, low_open, high_open)


def _by_rate(runs: Sequence[Run], subject: Subject) -> dict[float, float]:
    """Return the lowest tuning key at each rate, by rising rate."""
    found: dict[float, float] = {}
    for run in sorted(runs, key=lambda run: run.learning_rate):
        if run.learning_rate > 0:
            key = tuning_key(run, subject)[0]
            found[run.learning_rate] = min(key, found.get(run.learning_rate, math.inf))
    return found


def _errors(keys: Sequence[float], subject: Subject) -> list[float]:
    """Return errors, of which a lower one is better; of a share it is 1 less the share."""
    return [1 + key for key in keys] if _share(keys, subject) else list(keys)


def _share(keys: Sequence[float], subject: Subject) -> bool:
    return subject.higher and all(-1 <= key <= 0 or key == math.inf for key in keys)


def _allowed(error: float, subject: Subject, tolerance: float) -> float:
    """Return how much worse than the best error a good one may be."""
    example = 1 / subject.validation if subject.higher and subject.validation else 0.0
    return max(tolerance * abs(error), example) * (1 + _ROUNDING)


def _end(rates: Sequence[float], costs: Sequence[float], limit: float) -> tuple[float, bool]:
    """Return where a curve that starts at the best rate leaves the limit, or its end and True."""
    for k in range(1, len(rates)):
        if costs[k] > limit:
            if costs[k] == math.inf:
                return rates[k - 1], False
            way = (limit - costs[k - 1]) / (costs[k] - costs[k - 1])
            return rates[k - 1] * (rates[k] / rates[k - 1]) ** way, False
    return rates[-1], True
