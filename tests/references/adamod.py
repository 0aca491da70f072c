"""AdaMod: Algorithm 1 of Ding et al. 2019, arXiv:1910.12249."""

import numpy as np

CASES = ({"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-2, "beta_3": 0.9},)


def adamod(x, gradients, learning_rates, *, beta_1, beta_2, beta_3, epsilon):
    m = v = s = np.zeros_like(x)
    for t, (g, lr) in enumerate(zip(gradients, learning_rates), start=1):
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        m_hat = m / (1 - beta_1**t)
        v_hat = v / (1 - beta_2**t)
        rate = lr / (np.sqrt(v_hat) + epsilon)
        s = beta_3 * s + (1 - beta_3) * rate
        x = x - np.minimum(rate, s) * m_hat
        yield x
