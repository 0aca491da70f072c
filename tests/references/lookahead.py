"""Lookahead: Algorithm 1 of Zhang et al. 2019, arXiv:1907.08610, around SGD with heavy-ball momentum.

A reference around any inner one would be awkward, since the inner loop restarts from the slow weights;
the inner momentum is kept over the synchronisations.
"""

import numpy as np

from tests.peers.deviations import optax_lookahead, torch_lookahead
from tests.peers.libraries import Peer

CASES = (
    {"sync_period": 4, "slow_step_size": 0.3, "momentum": 0.7},
    {"sync_period": 1, "slow_step_size": 0.3, "momentum": 0.7},
)


def lookahead(x, gradients, learning_rates, *, sync_period, slow_step_size, momentum):
    slow, m = x, np.zeros_like(x)
    for t, (g, lr) in enumerate(zip(gradients, learning_rates), start=1):
        m = momentum * m + g
        x = x - lr * m
        if t % sync_period == 0:
            slow = slow + slow_step_size * (x - slow)
            x = slow
        yield x


PEERS = {
    "lookahead, pytorch_optimizer": Peer(
        "lookahead", dict(sync_period=4, slow_step_size=0.3, momentum=0.7), torch_lookahead
    ),
    "lookahead, optax": Peer(
        "lookahead", dict(sync_period=4, slow_step_size=0.3, momentum=0.7), optax_lookahead
    ),
}
