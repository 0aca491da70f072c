"""Padam: Algorithm 1 of Chen et al. 2020, arXiv:1806.06763; no bias correction, v is AMSGrad's maximum.

Epsilon, not in the paper, is added to the root and raised with it, as in the authors' code.
"""

import numpy as np

from tests.peers.deviations import adjusted, growing, no_correction, no_correction_torch
from tests.peers.libraries import Peer, torch_like
from tests.peers.settings import BE, TBE

CASES = (
    {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-2, "partial": 0.2},
    {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-2, "partial": 0.5},
)


def padam(x, gradients, learning_rates, *, beta_1, beta_2, epsilon, partial):
    m = v = v_max = np.zeros_like(x)
    for g, lr in zip(gradients, learning_rates):
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        v_max = np.maximum(v_max, v)
        x = x - lr * m / (np.sqrt(v_max) + epsilon) ** (2 * partial)
        yield x


PEERS = {
    "padam, pytorch_optimizer": Peer(  # it has no maximum
        "padam",
        dict(**BE, partial=0.2),
        torch_like(adjusted("pytorch_optimizer.PAdam", no_correction), partial=0.2, **TBE),
        gradients=growing,
    ),
    "padam as amsgrad, torch": Peer(
        "padam",
        dict(**BE, partial=0.5),
        torch_like(adjusted("torch.optim.Adam", no_correction_torch), amsgrad=True, **TBE),
    ),
}
