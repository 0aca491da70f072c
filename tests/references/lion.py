"""Lion: Algorithm 2 of Chen et al. 2023, arXiv:2302.06675."""

import numpy as np

from tests.peers.deviations import po
from tests.peers.libraries import Peer, optax_like
from tests.peers.settings import OB, TB, B

CASES = ({"beta_1": 0.7, "beta_2": 0.9},)
RATES = {"beale": 0.05}  # signs of a long memory: slow to turn


def lion(x, gradients, learning_rates, *, beta_1, beta_2):
    m = np.zeros_like(x)
    for g, lr in zip(gradients, learning_rates):
        x = x - lr * np.sign(beta_1 * m + (1 - beta_1) * g)
        m = beta_2 * m + (1 - beta_2) * g
        yield x


PEERS = {
    "lion, optax": Peer("lion", B, optax_like(lambda o, lr: o.lion(lr, weight_decay=0, **OB))),
    "lion, pytorch_optimizer": Peer("lion", B, po("Lion", **TB)),
}
