"""Grams: Algorithm 1 of Cao, Li, Song 2024, arXiv:2412.17107."""

import numpy as np

from tests.peers.deviations import po
from tests.peers.libraries import Peer
from tests.peers.settings import BE, TBE

CASES = ({"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-2},)


def grams(x, gradients, learning_rates, *, beta_1, beta_2, epsilon):
    m = v = np.zeros_like(x)
    for t, (g, lr) in enumerate(zip(gradients, learning_rates), start=1):
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        u = m / (1 - beta_1**t) / (np.sqrt(v / (1 - beta_2**t)) + epsilon)
        x = x - lr * np.sign(g) * np.abs(u)
        yield x


PEERS = {
    "grams, pytorch_optimizer": Peer(
        "grams", dict(**BE, weight_decay=0.1), po("Grams", **TBE, weight_decay=0.1)
    ),
}
