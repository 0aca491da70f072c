"""Lion: Algorithm 2 of Chen et al. 2023, arXiv:2302.06675."""

import numpy as np

CASES = ({"beta_1": 0.7, "beta_2": 0.9},)


def lion(x, gradients, learning_rates, *, beta_1, beta_2):
    m = np.zeros_like(x)
    for g, lr in zip(gradients, learning_rates):
        x = x - lr * np.sign(beta_1 * m + (1 - beta_1) * g)
        m = beta_2 * m + (1 - beta_2) * g
        yield x
