"""GSAM: Algorithm 1 of Zhuang et al. 2022, arXiv:2203.08065, around momentum SGD.

The radius between `rho_min` and `rho` is that of its section 4.1, in proportion to the rate.
`gradient` is as in `sam.py`.
"""

import numpy as np


def dot(a, b):
    return sum(np.sum(x * y) for x, y in zip(a, b))


def gsam(
    xs, gradient, learning_rates, *, rho, alpha, momentum=0.0, rho_min=None,
    max_learning_rate=None, min_learning_rate=0.0,
):  # fmt: skip
    buffers = [np.zeros_like(x) for x in xs]
    for lr in learning_rates:
        radius = rho
        if rho_min is not None:
            share = (lr - min_learning_rate) / (max_learning_rate - min_learning_rate)
            radius = rho_min + (rho - rho_min) * share
        g = gradient(xs)
        norm = np.sqrt(dot(g, g))
        gs = gradient([x + radius * part / (norm + 1e-12) for x, part in zip(xs, g)])
        length = np.sqrt(dot(gs, gs))
        cosine = dot(g, gs) / (norm * length)
        across = [a - cosine * norm * b / length for a, b in zip(g, gs)]
        step = [b - alpha * part for b, part in zip(gs, across)]
        buffers = [momentum * m + part for m, part in zip(buffers, step)]
        xs = [x - lr * m for x, m in zip(xs, buffers)]
        yield xs
