"""Toy functions of two variables: formula, start, minima, range to draw, number of steps."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from keras import ops

from keras_optim.compare.process.errors import UsageError

ANGLE = math.radians(30)
"""Turn of the quadratics, so that methods with one rate for each coordinate are not given the
directions of the valley."""


@dataclass(frozen=True, eq=False)
class Function:
    """Function whose lowest value is 0."""

    name: str
    title: str
    lesson: str
    """Property that it shows, in two or three words."""
    formula: str
    latex: str
    value: Callable[[Any, Any], Any]
    """The function of x and y, tensors of any shape, in `keras.ops`."""
    start: tuple[float, float]
    minima: tuple[tuple[float, float], ...]
    low: tuple[float, float]
    """Left and lower end of the drawing."""
    high: tuple[float, float]
    steps: int


def rosenbrock(x: Any, y: Any) -> Any:
    """Return Rosenbrock's function."""
    return ops.square(1 - x) + 100 * ops.square(y - ops.square(x))


def rastrigin(x: Any, y: Any) -> Any:
    """Return Rastrigin's function."""
    turn = 2 * math.pi
    return 20 + ops.square(x) + ops.square(y) - 10 * (ops.cos(turn * x) + ops.cos(turn * y))


def beale(x: Any, y: Any) -> Any:
    """Return Beale's function."""
    square = ops.square(y)
    first = ops.square(1.5 - x + x * y)
    return first + ops.square(2.25 - x + x * square) + ops.square(2.625 - x + x * square * y)


def saddle(x: Any, y: Any) -> Any:
    """Return a function with a saddle point at the origin, between two minima."""
    return ops.square(x) / 2 + ops.square(ops.square(y) - 1) / 4


def quadratic(condition: float) -> Callable[[Any, Any], Any]:
    """Return a turned quadratic whose curvatures are 1 and `condition`."""
    c, s = math.cos(ANGLE), math.sin(ANGLE)

    def value(x: Any, y: Any) -> Any:
        along, across = c * x + s * y, c * y - s * x
        return (ops.square(along) + condition * ops.square(across)) / 2

    return value


def _quadratic(name: str, condition: float, power: int, steps: int) -> Function:
    return Function(
        name,
        f"Quadratic, condition 10{'²⁴'[power // 2 - 1]}",
        "bad conditioning",
        f"(u² + 10{'²⁴'[power // 2 - 1]} w²) / 2, (u, w) = (x, y) turned by 30°",
        rf"\tfrac12 (u^2 + 10^{power} w^2),\; u = x\cos 30° + y\sin 30°,\; "
        r"w = y\cos 30° - x\sin 30°",
        quadratic(condition),
        (-1.5, 0.5),
        ((0.0, 0.0),),
        (-2.0, -1.5),
        (2.0, 1.5),
        steps,
    )


FUNCTIONS = {
    function.name: function
    for function in (
        Function(
            "rosenbrock",
            "Rosenbrock",
            "a curved valley",
            "(1 - x)² + 100 (y - x²)²",
            "(1 - x)^2 + 100\\,(y - x^2)^2",
            rosenbrock,
            (-2.0, 2.0),
            ((1.0, 1.0),),
            (-2.4, -1.0),
            (2.4, 2.6),
            500,
        ),
        Function(
            "beale",
            "Beale",
            "plateau and steep walls",
            "(1.5 - x + xy)² + (2.25 - x + xy²)² + (2.625 - x + xy³)²",
            "(1.5 - x + xy)^2 + (2.25 - x + xy^2)^2 + (2.625 - x + xy^3)^2",
            beale,
            (1.0, 1.0),
            ((3.0, 0.5),),
            (-0.5, -1.25),
            (4.5, 2.5),
            300,
        ),
        Function(
            "rastrigin",
            "Rastrigin",
            "many minima",
            "20 + x² + y² - 10 (cos 2πx + cos 2πy)",
            r"20 + x^2 + y^2 - 10\,(\cos 2\pi x + \cos 2\pi y)",
            rastrigin,
            (-2.0, 3.5),
            ((0.0, 0.0),),
            (-5.2, -3.9),
            (5.2, 3.9),
            300,
        ),
        Function(
            "saddle",
            "Saddle",
            "a saddle point",
            "x² / 2 + (y² - 1)² / 4",
            r"\tfrac12 x^2 + \tfrac14 (y^2 - 1)^2",
            saddle,
            (-1.5, 1e-3),
            ((0.0, 1.0), (0.0, -1.0)),
            (-2.0, -1.5),
            (2.0, 1.5),
            150,
        ),
        _quadratic("quadratic-1e2", 1e2, 2, 200),
        _quadratic("quadratic-1e4", 1e4, 4, 500),
    )
}


def named(names: Any = None) -> list[Function]:
    """Return the functions of these names; `None` stands for all.

    Raises:
        UsageError: there is no function of a name.
    """
    wanted = list(FUNCTIONS) if names is None else list(dict.fromkeys(names))
    if unknown := [name for name in wanted if name not in FUNCTIONS]:
        known = ", ".join(FUNCTIONS)
        raise UsageError(f"no toy function is called {unknown[0]!r}; there are: {known}")
    return [FUNCTIONS[name] for name in wanted]
