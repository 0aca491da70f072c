"""StableAdamW: Algorithm 2 of Wortsman et al. 2023, arXiv:2304.13013. Weight decay has the clipped rate."""

import numpy as np

from tests.peers.deviations import po
from tests.peers.libraries import Peer, torch_like
from tests.peers.settings import BE, TBE

CASES = (
    {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-2, "weight_decay": 0.0},
    {"beta_1": 0.8, "beta_2": 0.7, "epsilon": 1.5, "weight_decay": 0.1},  # it is the maximum, too
)


def stableadamw(x, gradients, learning_rates, *, beta_1, beta_2, epsilon, weight_decay):
    m = v = np.zeros_like(x)
    for t, (g, lr) in enumerate(zip(gradients, learning_rates), start=1):
        b1 = beta_1 * (1 - beta_1 ** (t - 1)) / (1 - beta_1**t)
        b2 = beta_2 * (1 - beta_2 ** (t - 1)) / (1 - beta_2**t)
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        rms = np.sqrt(np.mean(g**2 / np.maximum(v, epsilon**2)))
        rate = lr / max(1.0, rms)
        x = x - rate * weight_decay * x
        x = x - rate * m / (np.sqrt(v) + epsilon)
        yield x


PEERS = {
    "stableadamw, torch-optimi": Peer(
        "stableadamw",
        dict(**BE, weight_decay=0.1),
        torch_like("optimi.StableAdamW", triton=False, **TBE, weight_decay=0.1),
    ),
    "stableadamw, pytorch_optimizer": Peer(
        "stableadamw",
        dict(**BE, weight_decay=0.1),
        po("StableAdamW", **TBE, weight_decay=0.1, kahan_sum=False),
    ),
}
