"""Adadelta: Algorithm 1 of Zeiler 2012, arXiv:1212.5701, whose learning rate is 1."""

import numpy as np

CASES = ({"rho": 0.8, "epsilon": 1e-2},)


def adadelta(x, gradients, learning_rates, *, rho, epsilon):
    v = d = np.zeros_like(x)
    for g, lr in zip(gradients, learning_rates):
        v = rho * v + (1 - rho) * g**2
        step = np.sqrt(d + epsilon) / np.sqrt(v + epsilon) * g
        d = rho * d + (1 - rho) * step**2
        x = x - lr * step
        yield x
