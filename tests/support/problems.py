"""Small problems whose minimum is zero: value and gradient in NumPy, a start and a goal."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Problem:
    """Minimise `value`, from `start`; `gradient` is its derivative."""

    value: callable
    gradient: callable
    start: tuple
    goal: float
    """A value that is well on the way down."""
    rate: float = 0.1
    """A rate that suits normalised steps."""


def _rosenbrock(x):
    a, b = x
    return (1 - a) ** 2 + 100 * (b - a**2) ** 2


def _rosenbrock_gradient(x):
    a, b = x
    return np.array([-2 * (1 - a) - 400 * a * (b - a**2), 200 * (b - a**2)])


def _beale(x):
    a, b = x
    return (1.5 - a + a * b) ** 2 + (2.25 - a + a * b**2) ** 2 + (2.625 - a + a * b**3) ** 2


def _beale_gradient(x):
    a, b = x
    p, q, r = 1.5 - a + a * b, 2.25 - a + a * b**2, 2.625 - a + a * b**3
    return 2 * np.array(
        [
            p * (b - 1) + q * (b**2 - 1) + r * (b**3 - 1),
            p * a + q * 2 * a * b + r * 3 * a * b**2,
        ]
    )


_CURVATURE = np.array([1.0, 10.0, 100.0]) / 100

PROBLEMS = {
    "quadratic": Problem(
        lambda x: 0.5 * np.sum(_CURVATURE * x**2), lambda x: _CURVATURE * x, (1.0, -1.0, 1.0), 0.05
    ),
    "rosenbrock": Problem(_rosenbrock, _rosenbrock_gradient, (-0.5, 0.5), 3.0, 0.02),
    "beale": Problem(_beale, _beale_gradient, (1.0, 1.0), 2.5, 0.02),
}
