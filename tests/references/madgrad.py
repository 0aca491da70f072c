"""MADGRAD: Algorithm 1 of Defazio & Jelassi 2022, arXiv:2101.11075; c = 1 - momentum."""

import numpy as np

from tests.peers.deviations import adjusted, madgrad_adjust, optax_madgrad
from tests.peers.libraries import Peer, optax_like, torch_like

CASES = ({"momentum": 0.7, "epsilon": 1e-2},)


def madgrad(x, gradients, learning_rates, *, momentum, epsilon):
    x_0 = x
    s = v = np.zeros_like(x)
    for k, (g, lr) in enumerate(zip(gradients, learning_rates)):
        rate = lr * np.sqrt(k + 1)
        s = s + rate * g
        v = v + rate * g**2
        z = x_0 - s / (np.cbrt(v) + epsilon)
        x = momentum * x + (1 - momentum) * z
        yield x


PEERS = {
    "madgrad, pytorch_optimizer": Peer(
        "madgrad",
        dict(momentum=0.7, epsilon=1e-2),
        torch_like(adjusted("pytorch_optimizer.MADGRAD", madgrad_adjust), momentum=0.7, eps=1e-2),
    ),
    "madgrad, optax": Peer(
        "madgrad",
        dict(momentum=0.7, epsilon=1e-2),
        optax_like(optax_madgrad),
    ),
}
