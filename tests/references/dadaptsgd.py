"""D-Adaptation of SGD with momentum: algorithm 4 of Defazio, Mishchenko 2023, arXiv:2301.07733, in the form
of the authors' code: L2 regularisation is not in the norm of the first gradient.
"""

import numpy as np

from tests.peers.deviations import po
from tests.peers.libraries import Peer, torch_like
from tests.references.prodigy import steady

WHOLE = True
RATE = 15.0
RATES = {"quadratic": 1.0, "rosenbrock": 1.0, "beale": 1.0}
CASES = (
    {"momentum": 0.7, "d0": 0.1, "weight_decay": 0.1},
    {"momentum": 0.7, "d0": 0.1, "growth_rate": 1.1},
)


def dadaptsgd(x, gradients, learning_rates, *, momentum, d0, growth_rate=np.inf, weight_decay=0.0):
    start, s, d, r = np.copy(x), np.zeros_like(x), d0, 0.0
    first = np.sqrt(np.sum(gradients[0] ** 2))
    for g, lr in zip(gradients, learning_rates):
        g = g + weight_decay * x
        weight = d * lr / first
        r += weight * np.sum(g * s)
        s = s + weight * g
        d_hat = 2 * r / np.sqrt(np.sum(s**2))
        d = max(d, min(d_hat, d * growth_rate))
        x = momentum * x + (1 - momentum) * (start - s)
        yield x


PEERS = {
    "dadaptsgd, dadaptation": Peer(
        "dadaptsgd", dict(momentum=0.7, d0=0.01, weight_decay=0.1),
        torch_like("dadaptation.DAdaptSGD", momentum=0.7, d0=0.01, weight_decay=0.1),
        gradients=steady, constant_rate=True, rate=1.0,
    ),
    "dadaptsgd with bounded growth, dadaptation": Peer(
        "dadaptsgd", dict(momentum=0.7, d0=0.01, growth_rate=1.1),
        torch_like("dadaptation.DAdaptSGD", momentum=0.7, d0=0.01, growth_rate=1.1),
        gradients=steady, constant_rate=True, rate=1.0,
    ),
    "dadaptsgd, pytorch_optimizer": Peer(
        "dadaptsgd", dict(momentum=0.7, d0=0.01, growth_rate=1.1),
        po("DAdaptSGD", momentum=0.7, d0=0.01, growth_rate=1.1),
        gradients=steady, constant_rate=True, rate=0.3, bar=1e-7,  # norm of g_1 in float32
    ),
}  # fmt: skip
