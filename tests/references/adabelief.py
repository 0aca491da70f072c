"""AdaBelief: Algorithm 2 of Zhuang et al. 2020, arXiv:2010.07468; epsilon enters twice."""

import numpy as np

from tests.peers.libraries import Peer, optax_like, torch_like
from tests.peers.settings import BE, OBE, TBE

CASES = ({"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-2},)


def adabelief(x, gradients, learning_rates, *, beta_1, beta_2, epsilon):
    m = s = np.zeros_like(x)
    for t, (g, lr) in enumerate(zip(gradients, learning_rates), start=1):
        m = beta_1 * m + (1 - beta_1) * g
        s = beta_2 * s + (1 - beta_2) * (g - m) ** 2 + epsilon
        m_hat = m / (1 - beta_1**t)
        s_hat = s / (1 - beta_2**t)
        x = x - lr * m_hat / (np.sqrt(s_hat) + epsilon)
        yield x


PEERS = {
    "adabelief, pytorch_optimizer": Peer(
        "adabelief", BE, torch_like("pytorch_optimizer.AdaBelief", **TBE)
    ),
    "adabelief, optax": Peer(
        "adabelief", BE, optax_like(lambda o, lr: o.adabelief(lr, eps_root=1e-2, **OBE))
    ),
}
