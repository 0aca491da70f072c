"""Adagrad, diagonal form: Duchi, Hazan & Singer 2011, JMLR 12:2121.

The paper: nothing accumulated at first, delta (epsilon) outside the root.
"""

import numpy as np

CASES = (
    {"initial_accumulator_value": 0.0, "epsilon": 1e-2, "epsilon_inside_sqrt": False},
    {"initial_accumulator_value": 0.3, "epsilon": 1e-2, "epsilon_inside_sqrt": True},
)


def adagrad(
    x, gradients, learning_rates, *, initial_accumulator_value, epsilon, epsilon_inside_sqrt
):
    s = np.full_like(x, initial_accumulator_value)
    for g, lr in zip(gradients, learning_rates):
        s = s + g**2
        h = np.sqrt(s + epsilon) if epsilon_inside_sqrt else np.sqrt(s) + epsilon
        x = x - lr * g / h
        yield x
