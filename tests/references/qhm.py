"""QHM: equations 3 and 4 of Ma & Yarats 2019, arXiv:1810.06801."""

import numpy as np

from tests.peers.deviations import po
from tests.peers.libraries import Peer

CASES = ({"momentum": 0.9, "nu": 0.6},)


def qhm(x, gradients, learning_rates, *, momentum, nu):
    m = np.zeros_like(x)
    for g, lr in zip(gradients, learning_rates):
        m = momentum * m + (1 - momentum) * g
        x = x - lr * ((1 - nu) * g + nu * m)
        yield x


PEERS = {
    "qhm, pytorch_optimizer": Peer(
        "qhm", dict(momentum=0.8, nu=0.6), po("QHM", momentum=0.8, nu=0.6)
    ),
}
