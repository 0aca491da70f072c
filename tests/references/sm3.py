"""SM3-II: section 4 of Anil et al. 2019, arXiv:1901.11150, its sets the slices along each axis, with momentum.

The momentum is an average. Epsilon, in place of the paper's 0 / 0 = 0, stands inside the root.
"""

from functools import reduce

import numpy as np

CASES = ({"momentum": 0.7, "epsilon": 1e-2}, {"momentum": 0.0, "epsilon": 1e-2})


def sm3(x, gradients, learning_rates, *, momentum, epsilon):
    others = [tuple(j for j in range(x.ndim) if j != i) for i in range(max(x.ndim, 1))]
    accumulators = [np.zeros_like(x).max(axis=axes, keepdims=True) for axes in others]
    m = np.zeros_like(x)
    for g, lr in zip(gradients, learning_rates):
        v = reduce(np.minimum, accumulators) + g**2
        accumulators = [v.max(axis=axes, keepdims=True) for axes in others]
        m = momentum * m + (1 - momentum) * g / np.sqrt(v + epsilon)
        x = x - lr * m
        yield x
