"""Stochastic gradient descent with heavy-ball (Polyak 1964) or Nesterov momentum, as in Sutskever et al. 2013.

The buffer holds gradients, not steps: a new learning rate applies at once to all of it.
"""

import numpy as np

CASES = (
    {"momentum": 0.0, "nesterov": False},
    {"momentum": 0.7, "nesterov": False},
    {"momentum": 0.7, "nesterov": True},
)


def sgd(x, gradients, learning_rates, *, momentum, nesterov):
    m = np.zeros_like(x)
    for g, lr in zip(gradients, learning_rates):
        m = momentum * m + g
        x = x - lr * (g + momentum * m if nesterov else m)
        yield x
