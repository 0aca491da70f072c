"""SophiaG: Algorithm 3 of Liu et al. 2024, arXiv:2305.14342, with algorithm 2's estimate B g_hat².

The gradients for drawn labels, times the root of B, are those of `tests/support/passes.py`;
`test_curvature.py` draws labels.
"""

import numpy as np

from tests.support.passes import curvature

CASES = (
    {"beta_1": 0.8, "beta_2": 0.7, "gamma": 0.5, "epsilon": 1e-2, "refresh_period": 3},
    {"beta_1": 0.8, "beta_2": 0.7, "gamma": 5.0, "epsilon": 0.5, "refresh_period": 1},
)


def sophiag(x, gradients, learning_rates, *, beta_1, beta_2, gamma, epsilon, refresh_period):
    m = h = np.zeros_like(x)
    for t, (g, lr) in enumerate(zip(gradients, learning_rates), start=1):
        m = beta_1 * m + (1 - beta_1) * g
        if t % refresh_period == 1 % refresh_period:
            h = beta_2 * h + (1 - beta_2) * curvature(x.shape)
        x = x - lr * np.clip(m / np.maximum(gamma * h, epsilon), -1, 1)
        yield x
