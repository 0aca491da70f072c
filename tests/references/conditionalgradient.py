"""ConditionalGradient: Frank & Wolfe 1956, as in Algorithm 1 of Jaggi 2013, ICML: s minimises <s, g> over the ball.

The singular vectors are from the eigenvectors of a product, not from a decomposition of the gradient itself.
"""

import numpy as np

CASES = (
    {"radius": 2.0, "epsilon": 1e-2},
    {"radius": 2.0, "epsilon": 1e-2, "norm": "nuclear"},
)
RATES = {"quadratic": 0.005, "rosenbrock": 0.001, "beale": 0.005}


def conditionalgradient(x, gradients, learning_rates, *, radius, epsilon, norm="frobenius"):
    for g, lr in zip(gradients, learning_rates):
        if norm == "nuclear" and g.ndim > 1:
            matrix = g.reshape(-1, g.shape[-1])
            right = np.linalg.eigh(matrix.T @ matrix)[1][:, -1]
            left = matrix @ right
            size = np.sqrt(np.sum(left**2))
            corner = np.outer(left / (size + epsilon), right).reshape(g.shape)
        else:
            corner = g / (np.sqrt(np.sum(g**2)) + epsilon)
        x = (1 - lr) * x - lr * radius * corner
        yield x
