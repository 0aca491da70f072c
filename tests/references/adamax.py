"""Adamax: Algorithm 2 of Kingma & Ba 2015, arXiv:1412.6980.

Epsilon, not in the paper, is added to the gradient inside the maximum, as in torch and optax.
"""

import numpy as np

from tests.peers.deviations import po
from tests.peers.libraries import Peer, optax_like, torch_like
from tests.peers.settings import BE, OBE, TBE

CASES = ({"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-2},)


def adamax(x, gradients, learning_rates, *, beta_1, beta_2, epsilon):
    m = u = np.zeros_like(x)
    for t, (g, lr) in enumerate(zip(gradients, learning_rates), start=1):
        m = beta_1 * m + (1 - beta_1) * g
        u = np.maximum(beta_2 * u, np.abs(g) + epsilon)
        m_hat = m / (1 - beta_1**t)
        x = x - lr * m_hat / u
        yield x


PEERS = {
    "adamax, torch": Peer("adamax", BE, torch_like("torch.optim.Adamax", **TBE)),
    "adamax, optax": Peer("adamax", BE, optax_like(lambda o, lr: o.adamax(lr, **OBE))),
    "adamax, pytorch_optimizer": Peer("adamax", BE, po("AdaMax", **TBE)),
}
