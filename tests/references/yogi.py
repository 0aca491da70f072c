"""Yogi: Algorithm 2 of Zaheer et al. 2018, NeurIPS, "Adaptive Methods for Nonconvex Optimization".

Adam's bias correction, which the paper leaves out, is in every implementation; v starts at a small number, m at 0.
"""

import numpy as np

from tests.peers.deviations import adjusted, yogi_adjust
from tests.peers.libraries import Peer, optax_like, torch_like
from tests.peers.settings import BE, OBE, TBE

CASES = ({"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-2, "initial_accumulator_value": 0.1},)


def yogi(x, gradients, learning_rates, *, beta_1, beta_2, epsilon, initial_accumulator_value):
    m = np.zeros_like(x)
    v = np.full_like(x, initial_accumulator_value)
    for t, (g, lr) in enumerate(zip(gradients, learning_rates), start=1):
        m = beta_1 * m + (1 - beta_1) * g
        v = v - (1 - beta_2) * np.sign(v - g**2) * g**2
        m_hat = m / (1 - beta_1**t)
        v_hat = v / (1 - beta_2**t)
        x = x - lr * m_hat / (np.sqrt(v_hat) + epsilon)
        yield x


PEERS = {
    "yogi, pytorch_optimizer": Peer(
        "yogi",
        dict(**BE, initial_accumulator_value=0.2),
        torch_like(adjusted("pytorch_optimizer.Yogi", yogi_adjust), initial_accumulator=0.2, **TBE),
    ),
    "yogi from zero, optax": Peer(
        "yogi",
        dict(**BE, initial_accumulator_value=0.0),
        optax_like(
            lambda o, lr: o.chain(
                o.scale_by_yogi(initial_accumulator_value=0.0, **OBE), o.scale_by_learning_rate(lr)
            )
        ),
    ),
}
