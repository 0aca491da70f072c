"""SM3-II: section 4 of Anil et al. 2019, arXiv:1901.11150, its sets the slices along each axis, with momentum.

The momentum is an average. Epsilon, in place of the paper's 0 / 0 = 0, stands inside the root.
"""

from functools import reduce

import numpy as np

from tests.peers.deviations import po
from tests.peers.libraries import Peer, optax_like

CASES = ({"momentum": 0.7, "epsilon": 1e-2}, {"momentum": 0.0, "epsilon": 1e-2})
RATES = {"beale": 0.5}


def sm3(x, gradients, learning_rates, *, momentum, epsilon):
    others = [tuple(j for j in range(x.ndim) if j != i) for i in range(max(x.ndim, 1))]
    accumulators = [np.zeros_like(x).max(axis=axes, keepdims=True) for axes in others]
    m = np.zeros_like(x)
    for g, lr in zip(gradients, learning_rates):
        v = reduce(np.minimum, accumulators) + g**2
        accumulators = [v.max(axis=axes, keepdims=True) for axes in others]
        m = momentum * m + (1 - momentum) * g / np.sqrt(v + epsilon)
        x = x - lr * m
        yield x


PEERS = {
    "sm3, pytorch_optimizer": Peer(
        "sm3", dict(momentum=0.7, epsilon=1e-2), po("SM3", momentum=0.7, eps=1e-2)
    ),
    "sm3, optax": Peer(  # it fails on scalars
        "sm3",
        dict(momentum=0.7, epsilon=1e-2),
        optax_like(
            lambda o, lr: o.chain(o.scale_by_sm3(0.7, 1.0, 1e-2), o.scale_by_learning_rate(lr))
        ),
        shapes=((5,), (4, 3), (3, 3, 2, 4)),
    ),
}
