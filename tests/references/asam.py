"""ASAM: Algorithm 1 of Kwon et al. 2021, arXiv:2102.11600, with p = 2, around momentum SGD.

T of a variable with two axes or more is |x| + eta, as in the authors' code (SamsungLabs/ASAM),
where it is that of parameters called `weight`; of others it is 1. `gradient` is as in `sam.py`.
"""

import numpy as np


def asam(xs, gradient, learning_rates, *, rho, eta, momentum=0.0):
    buffers = [np.zeros_like(x) for x in xs]
    for lr in learning_rates:
        g = gradient(xs)
        stretch = [np.abs(x) + eta if x.ndim > 1 else np.ones_like(x) for x in xs]
        norm = np.sqrt(sum(np.sum((t * part) ** 2) for t, part in zip(stretch, g)))
        e = [rho * t**2 * part / (norm + 1e-12) for t, part in zip(stretch, g)]
        g = gradient([x + offset for x, offset in zip(xs, e)])
        buffers = [momentum * m + part for m, part in zip(buffers, g)]
        xs = [x - lr * m for x, m in zip(xs, buffers)]
        yield xs
