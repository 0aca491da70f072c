"""Adam: Algorithm 1 of Kingma & Ba 2015, arXiv:1412.6980."""

import numpy as np

from tests.peers.libraries import Peer, optax_like, torch_like
from tests.peers.settings import BE, OBE, TBE

CASES = ({"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-2},)


def adam(x, gradients, learning_rates, *, beta_1, beta_2, epsilon):
    m = v = np.zeros_like(x)
    for t, (g, lr) in enumerate(zip(gradients, learning_rates), start=1):
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        m_hat = m / (1 - beta_1**t)
        v_hat = v / (1 - beta_2**t)
        x = x - lr * m_hat / (np.sqrt(v_hat) + epsilon)
        yield x


PEERS = {
    "adam, torch": Peer("adam", BE, torch_like("torch.optim.Adam", **TBE)),
    "adam, optax": Peer("adam", BE, optax_like(lambda o, lr: o.adam(lr, **OBE))),
}
