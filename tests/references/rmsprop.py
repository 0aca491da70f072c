"""RMSprop: Tieleman & Hinton 2012, lecture 6.5; centered and with momentum: Graves 2013, arXiv:1308.0850, eq. 38-45.

Epsilon stands outside the root and the momentum buffer holds no learning rate (Graves has both the other way).
"""

import numpy as np

from tests.peers.libraries import Peer, keras_like, optax_like, torch_like
from tests.peers.settings import RMS, TORCH_RMS

CASES = (
    {"rho": 0.8, "momentum": 0.0, "epsilon": 1e-2, "centered": False},
    {"rho": 0.8, "momentum": 0.6, "epsilon": 1e-2, "centered": True},
    {"rho": 0.8, "epsilon": 1e-2, "centered": True, "epsilon_inside_sqrt": True},
)


def rmsprop(
    x,
    gradients,
    learning_rates,
    *,
    rho,
    momentum=0.0,
    epsilon,
    centered,
    epsilon_inside_sqrt=False,
):
    v = mean = buffer = np.zeros_like(x)
    for g, lr in zip(gradients, learning_rates):
        v = rho * v + (1 - rho) * g**2
        mean = rho * mean + (1 - rho) * g
        variance = v - mean**2 if centered else v
        if epsilon_inside_sqrt:
            divisor = np.sqrt(variance + epsilon)
        else:
            divisor = np.sqrt(variance) + epsilon
        buffer = momentum * buffer + g / divisor
        x = x - lr * buffer
        yield x


PEERS = {
    "rmsprop, torch": Peer(
        "rmsprop", dict(**RMS, centered=False), torch_like("torch.optim.RMSprop", **TORCH_RMS)
    ),
    "rmsprop centered, torch": Peer(
        "rmsprop",
        dict(**RMS, centered=True),
        torch_like("torch.optim.RMSprop", centered=True, **TORCH_RMS),
    ),
    "rmsprop, optax": Peer(
        "rmsprop",
        dict(**RMS, centered=False),
        optax_like(
            lambda o, lr: o.rmsprop(lr, decay=0.8, eps=1e-2, momentum=0.6, eps_in_sqrt=False)
        ),
        constant_rate=True,  # its momentum buffer holds the rate
    ),
    "rmsprop centered, optax": Peer(
        "rmsprop",
        dict(rho=0.8, momentum=0.0, epsilon=1e-2, centered=True),
        optax_like(
            lambda o, lr: o.rmsprop(lr, decay=0.8, eps=1e-2, centered=True, eps_in_sqrt=False)
        ),
    ),
    "rmsprop inside, optax": Peer(
        "rmsprop",
        dict(rho=0.8, momentum=0.0, epsilon=1e-2, centered=False, epsilon_inside_sqrt=True),
        optax_like(lambda o, lr: o.rmsprop(lr, decay=0.8, eps=1e-2)),
    ),
    "rmsprop inside, keras": Peer(
        "rmsprop",
        dict(rho=0.75, momentum=0.5, epsilon=1 / 64, centered=True, epsilon_inside_sqrt=True),
        keras_like(
            "keras.optimizers.RMSprop", rho=0.75, momentum=0.5, epsilon=1 / 64, centered=True
        ),
        constant_rate=True,  # its momentum buffer holds the rate
    ),
}
