"""Gradient centralisation: equation (1) of Yong et al. 2020, arXiv:2004.01461, before heavy-ball SGD.

The paper's weight matrix has a column for each output, as Keras's kernels have.
"""

import numpy as np

CASES = ({"momentum": 0.7},)


def centralization(x, gradients, learning_rates, *, momentum):
    m = np.zeros_like(x)
    for g, lr in zip(gradients, learning_rates):
        if g.ndim > 1:
            columns = g.reshape(-1, g.shape[-1])
            g = (columns - columns.mean(0)).reshape(g.shape)
        m = momentum * m + g
        x = x - lr * m
        yield x
