"""SGDW: Algorithm 1 of Loshchilov & Hutter 2019, arXiv:1711.05101, with or without Nesterov's look ahead.

The decay is times the learning rate (Keras), and the buffer holds gradients, as in SGD.
"""

import numpy as np

from tests.peers.deviations import po
from tests.peers.libraries import Peer, keras_like, optax_like

CASES = (
    {"momentum": 0.7, "nesterov": False, "weight_decay": 0.1},
    {"momentum": 0.7, "nesterov": True, "weight_decay": 0.1},
    {"momentum": 0.0, "nesterov": False, "weight_decay": 0.1},
)
RATES = {"quadratic": 0.3, "rosenbrock": 0.0005, "beale": 0.005}


def sgdw(x, gradients, learning_rates, *, momentum, nesterov, weight_decay):
    m = np.zeros_like(x)
    for g, lr in zip(gradients, learning_rates):
        m = momentum * m + g
        x = x - lr * weight_decay * x - lr * (g + momentum * m if nesterov else m)
        yield x


def optax_sgdw(nesterov):
    """optax has no such name, but its parts."""
    return optax_like(
        lambda o, lr: o.chain(
            o.trace(0.7, nesterov), o.add_decayed_weights(0.1), o.scale_by_learning_rate(lr)
        )
    )


PEERS = {
    "sgdw, pytorch_optimizer": Peer(
        "sgdw",
        dict(momentum=0.7, nesterov=False, weight_decay=0.1),
        po("SGDW", momentum=0.7, weight_decay=0.1),
    ),
    "sgdw, optax": Peer(
        "sgdw", dict(momentum=0.7, nesterov=False, weight_decay=0.1), optax_sgdw(False)
    ),
    "sgdw nesterov, optax": Peer(
        "sgdw", dict(momentum=0.7, nesterov=True, weight_decay=0.1), optax_sgdw(True)
    ),
    "sgdw, keras": Peer(  # its momentum buffer holds the rate
        "sgdw",
        dict(momentum=0.75, nesterov=False, weight_decay=0.125),
        keras_like("keras.optimizers.SGD", momentum=0.75, weight_decay=0.125),
        constant_rate=True,
    ),
    "sgdw nesterov, pytorch_optimizer": Peer(
        "sgdw",
        dict(momentum=0.7, nesterov=True, weight_decay=0.1),
        po("SGDW", momentum=0.7, weight_decay=0.1, nesterov=True),
    ),
}
