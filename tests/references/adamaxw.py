"""AdamaxW: Adamax with the decay of Loshchilov & Hutter 2019, arXiv:1711.05101, times the learning rate (Keras)."""

import numpy as np

from tests.peers.deviations import po
from tests.peers.libraries import Peer, optax_like
from tests.peers.settings import BE, OBE, TBE

CASES = ({"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-2, "weight_decay": 0.1},)


def adamaxw(x, gradients, learning_rates, *, beta_1, beta_2, epsilon, weight_decay):
    m = u = np.zeros_like(x)
    for t, (g, lr) in enumerate(zip(gradients, learning_rates), start=1):
        x = x - lr * weight_decay * x
        m = beta_1 * m + (1 - beta_1) * g
        u = np.maximum(beta_2 * u, np.abs(g) + epsilon)
        x = x - lr * m / (1 - beta_1**t) / u
        yield x


PEERS = {
    "adamaxw, optax": Peer(
        "adamaxw",
        dict(**BE, weight_decay=0.1),
        optax_like(lambda o, lr: o.adamaxw(lr, weight_decay=0.1, **OBE)),
    ),
    "adamaxw, pytorch_optimizer": Peer(
        "adamaxw",
        dict(**BE, weight_decay=0.1),
        po("AdaMax", weight_decay=0.1, weight_decouple=True, **TBE),
    ),
}
