"""Adan: Algorithm 1 of Xie et al. 2024, arXiv:2208.06677, with the bias corrections of the authors' code.

The paper's beta_k is 1 - beta_k here. Weight decay is a proximal step: a division.
"""

import numpy as np

from tests.peers.deviations import po
from tests.peers.libraries import Peer, optax_like, torch_like

CASES = (
    {"beta_1": 0.8, "beta_2": 0.7, "beta_3": 0.95, "epsilon": 1e-2, "weight_decay": 0.0},
    {"beta_1": 0.8, "beta_2": 0.7, "beta_3": 0.95, "epsilon": 1e-2, "weight_decay": 0.1},
)


def adan(x, gradients, learning_rates, *, beta_1, beta_2, beta_3, epsilon, weight_decay):
    m = d = n = np.zeros_like(x)
    before = gradients[0]
    for t, (g, lr) in enumerate(zip(gradients, learning_rates), start=1):
        m = beta_1 * m + (1 - beta_1) * g
        d = beta_2 * d + (1 - beta_2) * (g - before)
        n = beta_3 * n + (1 - beta_3) * (g + beta_2 * (g - before)) ** 2
        before = g
        step = m / (1 - beta_1**t) + beta_2 * d / (1 - beta_2**t)
        step = step / (np.sqrt(n / (1 - beta_3**t)) + epsilon)
        x = (x - lr * step) / (1 + lr * weight_decay)
        yield x


OURS = dict(beta_1=0.8, beta_2=0.7, beta_3=0.95, epsilon=1e-2)
PEERS = {
    "adan, pytorch_optimizer": Peer(
        "adan",
        dict(**OURS, weight_decay=0.1),
        po("Adan", betas=(0.8, 0.7, 0.95), eps=1e-2, weight_decay=0.1),
    ),
    "adan, torch-optimi": Peer(
        "adan",
        dict(**OURS, weight_decay=0.1),
        torch_like("optimi.Adan", triton=False, betas=(0.8, 0.7, 0.95), eps=1e-2, weight_decay=0.1),
    ),
}
DIFFERING = {
    "adan, optax": Peer(  # (1 - b2) where b2 belongs, in two places
        "adan", OURS, optax_like(lambda o, lr: o.adan(lr, 0.8, 0.7, 0.95, eps=1e-2, eps_root=0.0))
    ),
}
