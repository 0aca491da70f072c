"""AdaBound: Algorithm 2 of Luo et al. 2019, arXiv:1902.09843, as in the authors' code.

That code adds to the paper Adam's bias correction and epsilon, drops the division by sqrt(t), and scales
the final learning rate by the current one over that of the constructor (here: the largest one so far).
"""

import numpy as np

from tests.peers.deviations import po
from tests.peers.libraries import Peer
from tests.peers.settings import BOUND, TBE

CASES = (
    {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-2, "final_learning_rate": 0.08, "gamma": 0.2},
)


def adabound(x, gradients, learning_rates, *, beta_1, beta_2, epsilon, final_learning_rate, gamma):
    m = v = np.zeros_like(x)
    for t, (g, lr) in enumerate(zip(gradients, learning_rates), start=1):
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        final = final_learning_rate * lr / max(learning_rates[:t])
        lower = final * (1 - 1 / (gamma * t + 1))
        upper = final * (1 + 1 / (gamma * t))
        rate = lr * np.sqrt(1 - beta_2**t) / (1 - beta_1**t) / (np.sqrt(v) + epsilon)
        x = x - np.clip(rate, lower, upper) * m
        yield x


PEERS = {
    "adabound, pytorch_optimizer": Peer(
        "adabound", BOUND, po("AdaBound", final_lr=0.08, gamma=0.2, **TBE)
    ),
}
