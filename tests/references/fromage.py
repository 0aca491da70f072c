"""Fromage: Algorithm 1 of Bernstein et al. 2020, arXiv:2002.03432; the ratio is 1 where a norm is 0."""

import numpy as np

from tests.peers.deviations import po
from tests.peers.libraries import Peer, optax_like

CASES = ({},)


def fromage(x, gradients, learning_rates):
    for g, lr in zip(gradients, learning_rates):
        x_norm, g_norm = np.sqrt(np.sum(x**2)), np.sqrt(np.sum(g**2))
        ratio = x_norm / g_norm if x_norm > 0 and g_norm > 0 else 1.0
        x = (x - lr * ratio * g) / np.sqrt(1 + lr**2)
        yield x


PEERS = {
    "fromage, pytorch_optimizer": Peer("fromage", {}, po("Fromage")),
    "fromage, optax": Peer("fromage", {}, optax_like(lambda o, lr: o.fromage(lr))),
}
