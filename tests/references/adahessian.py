"""AdaHessian: Algorithm 1 of Yao et al. 2021, arXiv:2006.00719, with the Hessian power k.

Spatial averages (their equation 8) are those over the places of a convolution kernel, here its
first axes. The Hessian of `tests/support/passes.py` is diagonal, so the random signs cancel;
`test_curvature.py` has others.
"""

import numpy as np

from tests.support.passes import curvature

CASES = (
    {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-2, "hessian_power": 1.0, "refresh_period": 1},
    {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-2, "hessian_power": 0.5, "refresh_period": 3},
)


RATES = {"rosenbrock": 0.001}  # its curvature is that of `passes.py`: as SGD with momentum


def adahessian(
    x, gradients, learning_rates, *, beta_1, beta_2, epsilon, hessian_power, refresh_period
):
    m, v, looks = np.zeros_like(x), np.zeros_like(x), 0
    for t, (g, lr) in enumerate(zip(gradients, learning_rates), start=1):
        m = beta_1 * m + (1 - beta_1) * g
        if t % refresh_period == 1 % refresh_period:
            d, looks = curvature(x.shape), looks + 1
            if d.ndim > 2:
                d = np.mean(d, axis=tuple(range(d.ndim - 2)), keepdims=True)
            v = beta_2 * v + (1 - beta_2) * d**2
        m_hat, v_hat = m / (1 - beta_1**t), v / (1 - beta_2**looks)
        x = x - lr * m_hat / (np.sqrt(v_hat) ** hessian_power + epsilon)
        yield x
