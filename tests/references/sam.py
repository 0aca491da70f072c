"""SAM: Algorithm 1 of Foret et al. 2021, arXiv:2010.01412, with p = 2, around momentum SGD.

`gradient` is that of the loss by all variables at once: a list of arrays to a list of arrays.
"""

import numpy as np


def sam(xs, gradient, learning_rates, *, rho, momentum=0.0):
    buffers = [np.zeros_like(x) for x in xs]
    for lr in learning_rates:
        g = gradient(xs)
        norm = np.sqrt(sum(np.sum(part**2) for part in g))
        e = [rho * part / (norm + 1e-12) for part in g]
        g = gradient([x + offset for x, offset in zip(xs, e)])
        buffers = [momentum * m + part for m, part in zip(buffers, g)]
        xs = [x - lr * m for x, m in zip(xs, buffers)]
        yield xs
