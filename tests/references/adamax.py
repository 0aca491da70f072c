"""Adamax: Algorithm 2 of Kingma & Ba 2015, arXiv:1412.6980.

Epsilon, not in the paper, is added to the gradient inside the maximum, as in torch and optax.
"""

import numpy as np

CASES = ({"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-2},)


def adamax(x, gradients, learning_rates, *, beta_1, beta_2, epsilon):
    m = u = np.zeros_like(x)
    for t, (g, lr) in enumerate(zip(gradients, learning_rates), start=1):
        m = beta_1 * m + (1 - beta_1) * g
        u = np.maximum(beta_2 * u, np.abs(g) + epsilon)
        m_hat = m / (1 - beta_1**t)
        x = x - lr * m_hat / u
        yield x
