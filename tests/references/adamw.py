"""AdamW: Algorithm 2 of Loshchilov & Hutter 2019, arXiv:1711.05101; the decay is times the learning rate (Keras)."""

import numpy as np

from tests.peers.libraries import Peer, optax_like, torch_like
from tests.peers.settings import BE, OBE, TBE

CASES = ({"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-2, "weight_decay": 0.1},)


def adamw(x, gradients, learning_rates, *, beta_1, beta_2, epsilon, weight_decay):
    m = v = np.zeros_like(x)
    for t, (g, lr) in enumerate(zip(gradients, learning_rates), start=1):
        x = x - lr * weight_decay * x
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        m_hat = m / (1 - beta_1**t)
        v_hat = v / (1 - beta_2**t)
        x = x - lr * m_hat / (np.sqrt(v_hat) + epsilon)
        yield x


PEERS = {
    "adamw, torch": Peer(
        "adamw",
        dict(**BE, weight_decay=0.1),
        torch_like("torch.optim.AdamW", weight_decay=0.1, **TBE),
    ),
    "adamw, optax": Peer(
        "adamw",
        dict(**BE, weight_decay=0.1),
        optax_like(lambda o, lr: o.adamw(lr, weight_decay=0.1, **OBE)),
    ),
}
