"""ADOPT, with clipping: Taniguchi et al. 2024, arXiv:2411.02853.

The first gradient, the paper's g_0, starts the second moment and moves nothing.
"""

import numpy as np

from tests.peers.deviations import po
from tests.peers.libraries import Peer, optax_like
from tests.peers.settings import OB, TB, B

CASES = ({"beta_1": 0.8, "beta_2": 0.95, "epsilon": 0.5},)  # so large that it is the maximum, too


def adopt(x, gradients, learning_rates, *, beta_1, beta_2, epsilon):
    first, *gradients = gradients
    m, v, x = np.zeros_like(x), first**2, np.copy(x)
    yield x
    for t, (g, lr) in enumerate(zip(gradients, learning_rates[1:]), start=1):
        c = t**0.25
        m = beta_1 * m + (1 - beta_1) * np.clip(g / np.maximum(np.sqrt(v), epsilon), -c, c)
        x = x - lr * m
        v = beta_2 * v + (1 - beta_2) * g**2
        yield x


PEERS = {
    "adopt, optax": Peer(
        "adopt",
        dict(**B, epsilon=0.5),
        optax_like(lambda o, lr: o.contrib.adopt(lr, **OB, eps=0.5)),
    ),
    "adopt, pytorch_optimizer": Peer(  # it counts g_0 as a step, in the bound
        "adopt",
        dict(**B, epsilon=0.5),
        po("ADOPT", **TB, eps=0.5, clip_lambda=lambda step: (step - 1) ** 0.25),
    ),
}
