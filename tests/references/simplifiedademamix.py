"""Simplified AdEMAMix: Algorithm 1 of Morwani et al. 2025, arXiv:2502.02431, with theta_0 = 1."""

import numpy as np

from tests.peers.deviations import po
from tests.peers.libraries import Peer, optax_like
from tests.peers.settings import BE, OBE, TBE

CASES = (
    {"beta_1": 0.8, "beta_2": 0.95, "alpha": 2.0, "epsilon": 1e-2},
    {"beta_1": 0.95, "beta_2": 0.9, "alpha": 0.0, "epsilon": 1e-2, "start_beta_1": 0.7,
     "beta_1_warmup": 31},
)  # fmt: skip
RATES = {
    "quadratic": 1e-4,
    "rosenbrock": 7e-4,
    "beale": 1e-4,
}  # a sum of gradients is 100 means long


def simplifiedademamix(
    x, gradients, learning_rates, *, beta_1, beta_2, alpha, epsilon, start_beta_1=0.9,
    beta_1_warmup=None,
):  # fmt: skip
    m = v = np.zeros_like(x)
    for t, (g, lr) in enumerate(zip(gradients, learning_rates), start=1):
        b = beta_1
        if beta_1_warmup:
            done = min(t / beta_1_warmup, 1.0)
            b = np.exp(1 / ((1 - done) / np.log(start_beta_1) + done / np.log(beta_1)))
        m = b * m + g
        v = beta_2 * v + (1 - beta_2) * g**2
        x = x - lr * (alpha * g + m) / (np.sqrt(v / (1 - beta_2**t)) + epsilon)
        yield x


PEERS = {
    "simplifiedademamix, optax": Peer(
        "simplifiedademamix",
        dict(**BE, alpha=2.0, weight_decay=0.1),
        optax_like(
            lambda o, lr: o.contrib.simplified_ademamix(lr, **OBE, alpha=2.0, weight_decay=0.1)
        ),
    ),
}
DIFFERING = {
    "simplifiedademamix, pytorch_optimizer": Peer(  # it multiplies the gradient by 1 - beta_1
        "simplifiedademamix",
        dict(**BE, alpha=2.0),
        po("SimplifiedAdEMAMix", **TBE, alpha=2.0),
    ),
}
