"""Signum: Algorithm 2 of Bernstein et al. 2018, arXiv:1802.04434."""

import numpy as np

from tests.peers.deviations import po
from tests.peers.libraries import Peer, optax_like

CASES = ({"momentum": 0.7},)


def signum(x, gradients, learning_rates, *, momentum):
    m = np.zeros_like(x)
    for g, lr in zip(gradients, learning_rates):
        m = momentum * m + (1 - momentum) * g
        x = x - lr * np.sign(m)
        yield x


PEERS = {
    "signum, optax": Peer(
        "signum", dict(momentum=0.7), optax_like(lambda o, lr: o.signum(lr, 0.7))
    ),
    "signum, pytorch_optimizer": Peer("signum", dict(momentum=0.7), po("SignSGD", momentum=0.7)),
}
