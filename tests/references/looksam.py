"""LookSAM: Algorithm 1 of Liu et al. 2022, arXiv:2203.02714, around momentum SGD.

`gradient` is as in `sam.py`.
"""

import numpy as np


def dot(a, b):
    return sum(np.sum(x * y) for x, y in zip(a, b))


def looksam(xs, gradient, learning_rates, *, rho, alpha, refresh_period, momentum=0.0):
    buffers = [np.zeros_like(x) for x in xs]
    for t, lr in enumerate(learning_rates):
        g = gradient(xs)
        norm = np.sqrt(dot(g, g))
        if t % refresh_period == 0:
            gs = gradient([x + rho * part / (norm + 1e-12) for x, part in zip(xs, g)])
            length = np.sqrt(dot(gs, gs))
            cosine = dot(g, gs) / (norm * length)
            gv = [b - length * cosine * a / norm for a, b in zip(g, gs)]
        else:
            ratio = alpha * norm / np.sqrt(dot(gv, gv))
            gs = [a + ratio * part for a, part in zip(g, gv)]
        buffers = [momentum * m + part for m, part in zip(buffers, gs)]
        xs = [x - lr * m for x, m in zip(xs, buffers)]
        yield xs
