r"""Line search for the strong Wolfe conditions.

Along a direction in which $\phi$ falls, find a length $\alpha$ with

$$
\phi(\alpha) \le \phi(0) + c_1 \alpha\, \phi'(0), \qquad |\phi'(\alpha)| \le c_2 |\phi'(0)| :
$$

low enough for its length, and flat enough. First lengthen until an interval must hold such a
point, then shrink the interval by cubic interpolation (Nocedal, Wright, "Numerical optimization",
2nd ed. 2006, algorithms 3.5 and 3.6 and equation 3.59).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from keras_optim.full_batch.objective import Point

EVALUATIONS = 30
"""The most trials of one search; good searches take one to three."""


@dataclass(frozen=True)
class Trial:
    """A length along the direction, the value there and the slope along the direction."""

    length: float
    value: float
    slope: float
    point: Point | None = field(default=None, repr=False)

    @property
    def finite(self) -> bool:
        """Whether value and slope are finite."""
        return math.isfinite(self.value) and math.isfinite(self.slope)


def strong_wolfe(
    phi: Callable[[float], Trial],
    start: Trial,
    first: float,
    decrease: float = 1e-4,
    curvature: float = 0.9,
    noise: float = 0.0,
    evaluations: int = EVALUATIONS,
) -> Trial | None:
    """Find a trial that meets the strong Wolfe conditions, or else the lowest one, or `None`.

    Args:
        phi: The function along the direction. A value that is not finite counts as too high, so the
            search comes back.
        start: The trial at length 0; its slope is negative.
        first: Length to try first, > 0.
        decrease: $c_1$, in (0, 1).
        curvature: $c_2$, in (c_1, 1); the smaller, the more exact the search.
        noise: Rounding of values. The conditions on values allow for differences up to this, and
            the slope decides. Without it a search in single precision fails long before the
            gradient does.
        evaluations: The most trials. If none of them is flat enough, the lowest is returned.

    Returns:
        The accepted trial; `None` if no point lower than the start was found.

    Example: the minimum of (1 - a)² lies at 1, and cubic interpolation is exact there.

    >>> def phi(a):
    ...     return Trial(a, (1 - a) ** 2, 2 * (a - 1))
    >>> strong_wolfe(phi, phi(0.0), first=8.0, curvature=0.1)
    Trial(length=1.0, value=0.0, slope=0.0)
    """

    def low_enough(trial: Trial) -> bool:
        return trial.finite and (
            trial.value <= start.value + decrease * trial.length * start.slope + noise
        )

    def flat_enough(trial: Trial) -> bool:
        return abs(trial.slope) <= curvature * abs(start.slope)

    # Lengthen until a good point, or an interval that must hold one: [low, high], where `low` is
    # the lowest so far and the function falls from it towards `high`.
    low, length, left = start, first, evaluations
    while True:
        trial = phi(length)
        left -= 1
        if not low_enough(trial) or (low is not start and trial.value > low.value + noise):
            high = trial
            break
        if flat_enough(trial):
            return trial
        if trial.slope >= 0.0:
            low, high = trial, low
            break
        low, previous = trial, low
        if left == 0:
            return low
        length = _longer(previous, trial, noise)

    while left > 0:
        if not low_enough(high) and abs(low.slope * (high.length - low.length)) <= noise:
            break  # the rest of the fall that the slope promises is below the noise
        trial = phi(_between(low, high, noise))
        left -= 1
        if not low_enough(trial) or trial.value > low.value + noise:
            high = trial
        else:
            if flat_enough(trial):
                return trial
            if trial.slope * (high.length - low.length) >= 0.0:
                high = low
            low = trial
    return None if low is start else low


def cubic_minimum(a: Trial, b: Trial, noise: float = 0.0) -> float:
    """Return the length at which the cubic through two trials is lowest; NaN if it has no minimum.

    If the values differ by no more than `noise`, only the slopes count: a secant step.

    >>> a, b = (Trial(x, (x - 3) ** 2, 2 * (x - 3)) for x in (1.0, 7.0))
    >>> cubic_minimum(a, b), cubic_minimum(b, a)
    (3.0, 3.0)
    """
    span = b.length - a.length
    if span == 0.0 or not (a.finite and b.finite):
        return math.nan
    rise = (b.value - a.value) / span
    if abs(b.value - a.value) <= noise:
        rise = 0.5 * (a.slope + b.slope)
    d1 = a.slope + b.slope - 3.0 * rise
    square = d1 * d1 - a.slope * b.slope
    if not 0.0 <= square < math.inf:
        return math.nan
    d2 = math.copysign(math.sqrt(square), span)
    bottom = b.slope - a.slope + 2.0 * d2
    return b.length - span * (b.slope + d2 - d1) / bottom if bottom else math.nan


def _longer(previous: Trial, trial: Trial, noise: float) -> float:
    """Return a length beyond `trial`: the minimum of a cubic, 1.1 to 10 times as far."""
    guess = cubic_minimum(previous, trial, noise)
    # NaN, or a minimum that lies behind: the function falls ever more steeply.
    if not guess > trial.length:
        guess = math.inf
    return min(max(guess, 1.1 * trial.length), 10.0 * trial.length)


def _between(low: Trial, high: Trial, noise: float) -> float:
    """Return the minimum of a cubic, at least a tenth of the interval from its ends."""
    guess = cubic_minimum(low, high, noise)
    if math.isnan(guess):
        return 0.5 * (low.length + high.length)
    left, right = sorted((low.length, high.length))
    margin = 0.1 * (right - left)
    return min(max(guess, left + margin), right - margin)
