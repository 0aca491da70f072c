"""Two halves of a run: the gradients of each, and how ours takes them."""

import keras
import numpy as np

from tests.support.trajectories import difference, gradients, numbers, starts, tensor

SHAPES = ((), (3,), (4, 3), (2, 2, 2, 3))
FIRST, SECOND = np.split(np.array(gradients(SHAPES, 16), dtype=object), 2)
STARTS = starts(SHAPES)
EXACT = 1e-10


def ours_on(optimizer, xs, steps):
    """Take `steps` in place; the values after each."""
    path = []
    for gs in steps:
        optimizer.apply([tensor(np.asarray(g, "float64"), "float64") for g in gs], xs)
        path.append(numbers(xs))
    return path


def variables(values=STARTS):
    return [keras.Variable(v, dtype="float64", name=f"x{i}") for i, v in enumerate(values)]


def moved(path, values):
    """How far the run goes: what a difference is to be compared with."""
    return difference(path[-1:], [values])
