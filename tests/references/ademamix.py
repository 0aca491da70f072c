"""AdEMAMix: Pagliardini, Ablin, Grangier 2025, arXiv:2409.03137, with the schedules of section 3.

The half-life of beta_3 grows linearly, so that 1 / ln(beta_3) does.
"""

import numpy as np

from tests.peers.deviations import po
from tests.peers.libraries import Peer, optax_like
from tests.peers.settings import BE, OBE

CASES = (
    {"beta_1": 0.8, "beta_2": 0.95, "beta_3": 0.98, "alpha": 3.0, "epsilon": 1e-2},
    {
        "beta_1": 0.8,
        "beta_2": 0.95,
        "beta_3": 0.98,
        "alpha": 3.0,
        "epsilon": 1e-2,
        "alpha_warmup": 20,
        "beta_3_warmup": 31,
    },
)


def ademamix(
    x, gradients, learning_rates, *, beta_1, beta_2, beta_3, alpha, epsilon, alpha_warmup=None,
    beta_3_warmup=None,
):  # fmt: skip
    fast = slow = v = np.zeros_like(x)
    for t, (g, lr) in enumerate(zip(gradients, learning_rates), start=1):
        a, b = alpha, beta_3
        if alpha_warmup:
            a = min(alpha * t / alpha_warmup, alpha)
        if beta_3_warmup:
            done = min(t / beta_3_warmup, 1.0)
            b = np.exp(1 / ((1 - done) / np.log(beta_1) + done / np.log(beta_3)))
        fast = beta_1 * fast + (1 - beta_1) * g
        slow = b * slow + (1 - b) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        fast_hat, v_hat = fast / (1 - beta_1**t), v / (1 - beta_2**t)
        x = x - lr * (fast_hat + a * slow) / (np.sqrt(v_hat) + epsilon)
        yield x


LONG = dict(**BE, beta_3=0.98, alpha=3.0)
PO = dict(betas=(0.8, 0.95, 0.98), alpha=3.0, eps=1e-2)
PEERS = {
    "ademamix, optax": Peer(
        "ademamix",
        dict(**LONG, weight_decay=0.1),
        optax_like(
            lambda o, lr: o.contrib.ademamix(lr, **OBE, b3=0.98, alpha=3.0, weight_decay=0.1)
        ),
    ),
    "ademamix, pytorch_optimizer": Peer(
        "ademamix",
        dict(**LONG, weight_decay=0.1),
        po("AdEMAMix", **PO, weight_decay=0.1, weight_decouple=True),
    ),
    "ademamix with warm-up, pytorch_optimizer": Peer(
        "ademamix",
        dict(**LONG, alpha_warmup=30, beta_3_warmup=30),
        po("AdEMAMix", **PO, t_alpha_beta3=30),
    ),
}
DIFFERING = {
    "ademamix with its own decay, pytorch_optimizer": Peer(  # it is part of the gradient
        "ademamix", dict(**LONG, weight_decay=0.1), po("AdEMAMix", **PO, weight_decay=0.1)
    ),
}
