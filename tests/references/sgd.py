"""Stochastic gradient descent with heavy-ball (Polyak 1964) or Nesterov momentum, as in Sutskever et al. 2013.

The buffer holds gradients, not steps: a new learning rate applies at once to all of it.
"""

import numpy as np

from tests.peers.libraries import Peer, keras_like, optax_like, torch_like

CASES = (
    {"momentum": 0.0, "nesterov": False},
    {"momentum": 0.7, "nesterov": False},
    {"momentum": 0.7, "nesterov": True},
)
RATES = {"quadratic": 1.0, "rosenbrock": 0.001, "beale": 0.01}


def sgd(x, gradients, learning_rates, *, momentum, nesterov):
    m = np.zeros_like(x)
    for g, lr in zip(gradients, learning_rates):
        m = momentum * m + g
        x = x - lr * (g + momentum * m if nesterov else m)
        yield x


PEERS = {
    "sgd, torch": Peer("sgd", dict(momentum=0.0, nesterov=False), torch_like("torch.optim.SGD")),
    "sgd momentum, torch": Peer(
        "sgd", dict(momentum=0.7, nesterov=False), torch_like("torch.optim.SGD", momentum=0.7)
    ),
    "sgd momentum, optax": Peer(
        "sgd", dict(momentum=0.7, nesterov=False), optax_like(lambda o, lr: o.sgd(lr, 0.7))
    ),
    "sgd momentum, keras": Peer(  # its momentum buffer holds the rate
        "sgd",
        dict(momentum=0.75, nesterov=False),
        keras_like("keras.optimizers.SGD", momentum=0.75),
        constant_rate=True,
    ),
    "sgd nesterov, torch": Peer(
        "sgd",
        dict(momentum=0.7, nesterov=True),
        torch_like("torch.optim.SGD", momentum=0.7, nesterov=True),
    ),
    "sgd nesterov, optax": Peer(
        "sgd", dict(momentum=0.7, nesterov=True), optax_like(lambda o, lr: o.sgd(lr, 0.7, True))
    ),
}
