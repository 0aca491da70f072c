"""LARS: Algorithm 1 of You, Gitman & Ginsburg 2017, arXiv:1708.03888.

The buffer holds steps, learning rate included, as in the paper. Scalars and vectors (biases, scales of
normalisations), of which the paper says nothing, get neither the ratio nor the decay.
"""

import numpy as np

from tests.peers.deviations import po
from tests.peers.libraries import Peer, optax_like
from tests.peers.settings import LARS

CASES = (
    {"momentum": 0.0, "nesterov": False, "trust_coefficient": 0.3, "weight_decay": 0.0},
    {"momentum": 0.7, "nesterov": False, "trust_coefficient": 0.3, "weight_decay": 0.1},
    {"momentum": 0.7, "nesterov": True, "trust_coefficient": 0.3, "weight_decay": 0.1},
)
RATES = {"rosenbrock": 0.001, "beale": 0.005}  # plain momentum, as x is a vector


def lars(x, gradients, learning_rates, *, momentum, nesterov, trust_coefficient, weight_decay):
    buffer = np.zeros_like(x)
    for g, lr in zip(gradients, learning_rates):
        if x.ndim >= 2:
            x_norm, g_norm = np.sqrt(np.sum(x**2)), np.sqrt(np.sum(g**2))
            denominator = g_norm + weight_decay * x_norm
            ratio = (
                trust_coefficient * x_norm / denominator if x_norm > 0 and denominator > 0 else 1.0
            )
            g = ratio * (g + weight_decay * x)
        buffer = momentum * buffer + lr * g
        x = x - (lr * g + momentum * buffer if nesterov else buffer)
        yield x


PEERS = {
    "lars, optax": Peer(  # it takes the norm of the sum of gradient and decay
        "lars",
        dict(**LARS, weight_decay=0.0),
        optax_like(
            lambda o, lr: o.lars(
                lr, trust_coefficient=0.3, momentum=0.7, trust_ratio_mask=lambda x: x.ndim > 1
            )
        ),
    ),
    "lars nesterov, optax": Peer(
        "lars",
        dict(momentum=0.7, nesterov=True, trust_coefficient=0.3, weight_decay=0.0),
        optax_like(
            lambda o, lr: o.lars(
                lr,
                trust_coefficient=0.3,
                momentum=0.7,
                nesterov=True,
                trust_ratio_mask=lambda x: x.ndim > 1,
            )
        ),
    ),
    "lars, pytorch_optimizer": Peer(  # its buffer does not hold the rate
        "lars",
        dict(**LARS, weight_decay=0.1),
        po("LARS", momentum=0.7, trust_coefficient=0.3, weight_decay=0.1),
        constant_rate=True,
    ),
}
