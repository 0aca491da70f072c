"""AMSBound: Algorithm 3 of Luo et al. 2019, arXiv:1902.09843: AdaBound (see there) with the maximum of v."""

import numpy as np

from tests.peers.deviations import po
from tests.peers.libraries import Peer
from tests.peers.settings import BOUND, TBE

CASES = (
    {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-2, "final_learning_rate": 0.08, "gamma": 0.2},
)


def amsbound(x, gradients, learning_rates, *, beta_1, beta_2, epsilon, final_learning_rate, gamma):
    m = v = v_max = np.zeros_like(x)
    for t, (g, lr) in enumerate(zip(gradients, learning_rates), start=1):
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        v_max = np.maximum(v_max, v)
        final = final_learning_rate * lr / max(learning_rates[:t])
        lower = final * (1 - 1 / (gamma * t + 1))
        upper = final * (1 + 1 / (gamma * t))
        rate = lr * np.sqrt(1 - beta_2**t) / (1 - beta_1**t) / (np.sqrt(v_max) + epsilon)
        x = x - np.clip(rate, lower, upper) * m
        yield x


PEERS = {
    "amsbound, pytorch_optimizer": Peer(
        "amsbound", BOUND, po("AdaBound", final_lr=0.08, gamma=0.2, ams_bound=True, **TBE)
    ),
}
