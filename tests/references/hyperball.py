"""Hyperball: Wen et al. 2026, arXiv:2606.16899, around momentum; vectors take its steps as they are."""

import numpy as np

CASES = (
    {"momentum": 0.7, "output_layer": None},
    {"momentum": 0.7, "exclude": "x2", "output_layer": None},
)


def hyperball(x, gradients, learning_rates, *, momentum, exclude=None, output_layer=None):
    m, radius = np.zeros_like(x), np.linalg.norm(x)
    for g, lr in zip(gradients, learning_rates):
        m = momentum * m + g
        if x.ndim < 2 or (x.ndim == 2 and exclude):
            x = x - lr * m
        else:
            y = x - lr * radius * m / np.linalg.norm(m)
            x = radius * y / np.linalg.norm(y)
        yield x
