"""RMSprop: Tieleman & Hinton 2012, lecture 6.5; centered and with momentum: Graves 2013, arXiv:1308.0850, eq. 38-45.

Epsilon stands outside the root and the momentum buffer holds no learning rate (Graves has both the other way).
"""

import numpy as np

CASES = (
    {"rho": 0.8, "momentum": 0.0, "epsilon": 1e-2, "centered": False},
    {"rho": 0.8, "momentum": 0.6, "epsilon": 1e-2, "centered": True},
)


def rmsprop(x, gradients, learning_rates, *, rho, momentum, epsilon, centered):
    v = mean = buffer = np.zeros_like(x)
    for g, lr in zip(gradients, learning_rates):
        v = rho * v + (1 - rho) * g**2
        mean = rho * mean + (1 - rho) * g
        variance = v - mean**2 if centered else v
        buffer = momentum * buffer + g / (np.sqrt(variance) + epsilon)
        x = x - lr * buffer
        yield x
