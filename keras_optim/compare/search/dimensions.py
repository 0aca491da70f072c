"""Dimensions of a search space: the values that one hyper-parameter may take.

A number is searched by its distance from an origin, on a log scale. The origin is 0, the upper end
1 for decay rates, or a lower bound of at least 1. So one rule fits rates, decay rates and factors.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

BELOW = 10.0
"""The axis of a number that may also be off begins so many times below its smallest distance:
positions under that distance stand for off."""


def rounded(value: float, digits: int = 3) -> float:
    """Round `value` to significant digits, so that equal runs have equal specs.

    >>> rounded(0.0031623), rounded(31.623)
    (0.00316, 31.6)
    """
    return float(f"{value:.{digits}g}")


@dataclass(frozen=True)
class Number:
    """Number on a log scale: `origin + sign * distance`.

    Example:

    >>> beta = Number(own=0.9, low=0.0316, high=0.316, origin=1.0, sign=-1)
    >>> beta.value(0.1), beta.at(0.0), beta.at(1.0)
    (0.9, 0.9684, 0.684)
    >>> print(beta)
    0.684 to 0.9684 by the distance from 1 on a log scale
    """

    own: Any
    """The optimizer's own value; `None` or 0 means off."""
    low: float
    """Smallest distance from the origin."""
    high: float
    """Largest distance."""
    origin: float = 0.0
    sign: int = 1
    whole: bool = False
    """Whether it is an integer."""
    off: bool = False
    """Whether `own`, which is off, is a value beside the distances."""
    multiple: bool = False
    """Whether it multiplies a learning rate that is a schedule."""

    @property
    def axis(self) -> tuple[float, float]:
        """First and last position, both above 0."""
        return (self.low / BELOW if self.off else self.low), self.high

    @property
    def distance(self) -> float:
        """The distance of the optimizer's own value; 0 if it is off."""
        return 0.0 if self.own is None else abs(self.own - self.origin)

    def value(self, position: float) -> Any:
        """Return the value at a position on the axis."""
        if self.off and position < self.low:
            return self.own
        distance = rounded(min(max(position, self.low), self.high))
        value = rounded(self.origin + self.sign * distance, 12)
        return round(value) if self.whole else value

    def at(self, share: float) -> Any:
        """Return the value at a share of the axis in [0, 1], on the log scale."""
        first, last = self.axis
        return self.value(first * (last / first) ** share)

    def position(self, value: Any) -> float:
        """Return the position of a value."""
        first, last = self.axis
        if self.off and (value is None or value == self.own):
            return (first * self.low) ** 0.5
        return min(max(abs(value - self.origin), self.low), last)

    def holds(self, value: Any) -> bool:
        """Return whether `value` is in the dimension."""
        if value is None or value == self.own:
            return self.own is not None or self.off
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        distance = self.sign * (value - self.origin)
        return self.low * (1 - 1e-9) <= distance <= self.high * (1 + 1e-9)

    def __str__(self) -> str:
        ends = sorted((self.value(self.low), self.value(self.high)))
        text = f"{ends[0]:g} to {ends[1]:.6g}"
        text += f" by the distance from {self.origin:g}" if self.origin else ""
        text += " on a log scale" + (f", or {self.own}" if self.off else "")
        return f"{text}, times the schedule" if self.multiple else text


@dataclass(frozen=True)
class Choice:
    """One of several values, such as True and False.

    >>> print(Choice("sobol", ("sobol", "halton", None)))
    'sobol', 'halton' or None
    """

    own: Any
    """The optimizer's own value."""
    values: tuple[Any, ...]

    def at(self, share: float) -> Any:
        """Return the value at a share in [0, 1]: each has an equal part."""
        return self.values[min(int(share * len(self.values)), len(self.values) - 1)]

    def holds(self, value: Any) -> bool:
        """Return whether `value` is one of them."""
        return value in self.values

    def __str__(self) -> str:
        *first, last = map(repr, self.values)
        return f"{', '.join(first)} or {last}" if first else last


Dimension: TypeAlias = Number | Choice
Space: TypeAlias = Mapping[str, Dimension]
"""Dimensions by hyper-parameter: `learning_rate`, `beta_1`, `inner.beta_1` inside of a wrapper."""


def own(space: Space) -> dict[str, Any]:
    """Return the optimizer's own values, which are the middle of its space."""
    return {name: dimension.own for name, dimension in space.items()}
