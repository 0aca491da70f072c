"""LAMB: Algorithm 2 of You et al. 2020, arXiv:1904.00962, with phi(z) = z; the ratio is 1 where a norm is 0."""

import numpy as np

from tests.peers.libraries import Peer, keras_like, optax_like
from tests.peers.settings import BE, KBE, OBE

CASES = (
    {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-2, "weight_decay": 0.0},
    {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-2, "weight_decay": 0.1},
)


def lamb(x, gradients, learning_rates, *, beta_1, beta_2, epsilon, weight_decay):
    m = v = np.zeros_like(x)
    for t, (g, lr) in enumerate(zip(gradients, learning_rates), start=1):
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        m_hat = m / (1 - beta_1**t)
        v_hat = v / (1 - beta_2**t)
        r = m_hat / (np.sqrt(v_hat) + epsilon) + weight_decay * x
        x_norm, r_norm = np.sqrt(np.sum(x**2)), np.sqrt(np.sum(r**2))
        ratio = x_norm / r_norm if x_norm > 0 and r_norm > 0 else 1.0
        x = x - lr * ratio * r
        yield x


PEERS = {
    "lamb, optax": Peer(
        "lamb",
        dict(**BE, weight_decay=0.1),
        optax_like(lambda o, lr: o.lamb(lr, weight_decay=0.1, **OBE)),
    ),
    "lamb, keras": Peer(
        "lamb", dict(**KBE, weight_decay=0.0), keras_like("keras.optimizers.Lamb", **KBE)
    ),
}
