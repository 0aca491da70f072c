"""Rprop: Riedmiller & Braun 1993, without weight backtracking (iRprop- of Igel & Huesken 2000), as in torch.

The learning rate is the first step size alone: later ones change nothing.
"""

import numpy as np

from tests.peers.libraries import Peer, torch_like
from tests.peers.settings import RPROP

CASES = ({"eta_minus": 0.6, "eta_plus": 1.3, "min_step_size": 0.01, "max_step_size": 0.2},)


def rprop(x, gradients, learning_rates, *, eta_minus, eta_plus, min_step_size, max_step_size):
    step_size = np.full_like(x, learning_rates[0])
    previous = np.zeros_like(x)
    for g in gradients:
        agreement = g * previous
        factor = np.where(agreement > 0, eta_plus, np.where(agreement < 0, eta_minus, 1.0))
        step_size = np.clip(step_size * factor, min_step_size, max_step_size)
        g = np.where(agreement < 0, 0.0, g)
        x = x - step_size * np.sign(g)
        previous = g
        yield x


PEERS = {
    "rprop, torch": Peer(
        "rprop", RPROP, torch_like("torch.optim.Rprop", etas=(0.6, 1.3), step_sizes=(0.01, 0.2))
    ),
}
