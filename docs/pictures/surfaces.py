"""Functions of two weights, and the paths of optimizers on them."""

from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
from matplotlib.axes import Axes

import keras_optim
from docs.pictures import style


class Surface(NamedTuple):
    """A function of two weights, and its gradient, in NumPy."""

    value: Callable[[np.ndarray, np.ndarray], np.ndarray]
    gradient: Callable[[float, float], tuple[float, float]]


def bowl(steep: float) -> Surface:
    """Return a quadratic that is `steep` times as steep along the second weight."""
    return Surface(lambda a, b: (a**2 + steep * b**2) / 2, lambda a, b: (a, steep * b))


SADDLE = Surface(lambda a, b: a**2 / 2 - b**2 / 2 + b**4 / 4, lambda a, b: (a, b**3 - b))
TWO_MINIMA = Surface(
    lambda a, b: (a**2 - 1) ** 2 / 4 + 0.2 * a + b**2 / 2,
    lambda a, b: ((a**2 - 1) * a + 0.2, b),
)
ROSENBROCK = Surface(
    lambda a, b: (1 - a) ** 2 + 20 * (b - a**2) ** 2,
    lambda a, b: (2 * (a - 1) - 80 * a * (b - a**2), 40 * (b - a**2)),
)


def path(
    optimizer: keras_optim.Optimizer, surface: Surface, start: tuple[float, float], steps: int
) -> np.ndarray:
    """Return the weights at the start and after each step, as rows."""
    weights = keras.Variable(np.array(start, "float32"))
    rows = [np.array(start, "float64")]
    for _ in range(steps):
        gradient = np.array(surface.gradient(*rows[-1].tolist()), "float32")
        optimizer.apply([keras.ops.convert_to_tensor(gradient)], [weights])
        rows.append(keras.ops.convert_to_numpy(weights).astype("float64"))
        if np.abs(rows[-1]).max() > 50:
            break
    return np.array(rows)


def losses(surface: Surface, rows: np.ndarray) -> np.ndarray:
    """Return the loss at each row of weights."""
    return surface.value(rows[:, 0], rows[:, 1])


def lines(axes: Axes, surface: Surface, a: tuple[float, float], b: tuple[float, float]) -> None:
    """Draw lines of equal loss, dense near the minimum."""
    grid = np.meshgrid(np.linspace(*a, 80), np.linspace(*b, 80))
    values = surface.value(*grid)
    levels = values.min() + (values.max() - values.min()) * np.linspace(0.04, 1, 11) ** 2.2
    axes.contour(*grid, values, levels=levels, colors="#C9CED6", linewidths=0.8, linestyles="solid")
    axes.set_xlim(*a)
    axes.set_ylim(*b)


def walk(axes: Axes, rows: np.ndarray, colour: str, label: str = "") -> None:
    """Draw a path, its start as a ring."""
    axes.plot(*rows.T, color=colour, linewidth=1.5, marker=".", markersize=4, label=label)
    axes.plot(*rows[0], marker="o", color=style.INK, markerfacecolor="white", markersize=7)
