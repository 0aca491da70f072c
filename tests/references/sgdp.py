"""SGDP: Algorithm 1 of Heo et al. 2021, arXiv:2006.08217, with the views and the decay of the authors' code.

Projected weights, which are scale-invariant, decay by wd_ratio less. Kernels have their outputs on the last axis.
The code divides the decay by 1 - momentum as well; here it is decoupled as in every algorithm.
"""

import numpy as np

from tests.peers.deviations import outputs_first, po
from tests.peers.libraries import Peer
from tests.peers.settings import PROJECTION
from tests.references.adamp import project

CASES = (
    {
        "momentum": 0.7,
        "nesterov": False,
        "epsilon": 1e-2,
        "delta": 0.7,
        "wd_ratio": 0.3,
        "weight_decay": 0.1,
    },
    {
        "momentum": 0.7,
        "nesterov": True,
        "epsilon": 1e-2,
        "delta": 2.0,
        "wd_ratio": 0.3,
        "weight_decay": 0.1,
    },
)
RATES = {"rosenbrock": 0.001}


def sgdp(
    x, gradients, learning_rates, *, momentum, nesterov, epsilon, delta, wd_ratio, weight_decay
):
    m = np.zeros_like(x)
    for g, lr in zip(gradients, learning_rates):
        m = momentum * m + g
        p, projected = project(x, g, g + momentum * m if nesterov else m, delta, epsilon)
        decay = weight_decay * (wd_ratio if projected else 1)
        x = x - lr * decay * x - lr * p
        yield x


PEERS = {
    "sgdp, pytorch_optimizer": Peer(
        "sgdp",
        dict(
            momentum=0.7,
            nesterov=False,
            epsilon=1e-2,
            **{**PROJECTION, "weight_decay": 0.1 / (1 - 0.7)},  # there divided by 1 - momentum
        ),
        outputs_first(po("SGDP", momentum=0.7, eps=1e-2, **PROJECTION)),
    ),
    "sgdp nesterov, pytorch_optimizer": Peer(
        "sgdp",
        dict(
            momentum=0.7,
            nesterov=True,
            epsilon=1e-2,
            **{**PROJECTION, "weight_decay": 0.1 / (1 - 0.7)},  # there divided by 1 - momentum
        ),
        outputs_first(po("SGDP", momentum=0.7, nesterov=True, eps=1e-2, **PROJECTION)),
    ),
}
