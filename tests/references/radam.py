"""RAdam: Algorithm 2 of Liu et al. 2020, arXiv:1908.03265.

The paper adapts where rho > 4, the authors' code where rho >= 5, torch where rho > 5: hence the argument.
Epsilon, not in the paper, is added to sqrt(v) before the bias correction, as in the authors' code.
"""

import numpy as np

CASES = (
    {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-2, "sma_threshold": 5.0},
    {"beta_1": 0.8, "beta_2": 0.999, "epsilon": 1e-2, "sma_threshold": 4.0},
    {"beta_1": 0.8, "beta_2": 0.6, "epsilon": 1e-2, "sma_threshold": 5.0},
)


def radam(x, gradients, learning_rates, *, beta_1, beta_2, epsilon, sma_threshold):
    m = v = np.zeros_like(x)
    rho_inf = 2 / (1 - beta_2) - 1
    for t, (g, lr) in enumerate(zip(gradients, learning_rates), start=1):
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        m_hat = m / (1 - beta_1**t)
        rho = rho_inf - 2 * t * beta_2**t / (1 - beta_2**t)
        if rho > sma_threshold:
            r = np.sqrt((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho))
            x = x - lr * r * m_hat * np.sqrt(1 - beta_2**t) / (np.sqrt(v) + epsilon)
        else:
            x = x - lr * m_hat
        yield x
