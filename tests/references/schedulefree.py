"""The wrapper of Schedule-Free (Defazio et al. 2024, arXiv:2405.15682) around SGD with heavy-ball
momentum. Decay at y moves z; the rule inside then steps from there.

`means` yields the pairs (y, x): trained and tested weights.
"""

import numpy as np

from tests.peers.deviations import schedule_free_wrapper
from tests.peers.libraries import Peer
from tests.references.schedulefreesgd import weighted

OFF = dict(r=0.5, weight_lr_power=1.5)
CASES = (
    {"beta": 0.7, **OFF, "weight_decay": 0.1, "momentum": 0.6},
    {"beta": 0.4, "r": 2.0, "weight_lr_power": 0.0, "momentum": 0.6},
)


def means(
    x, gradients, learning_rates, *, beta, momentum, r=0.0, weight_lr_power=2.0, weight_decay=0.0
):
    m = np.zeros_like(x)

    def step(t, rate, y):
        nonlocal m
        m = momentum * m + gradients[t - 1]
        return -rate * weight_decay * y - rate * m

    rates = learning_rates[: len(gradients)]
    yield from weighted(x, beta, rates, step, r=r, weight_lr_power=weight_lr_power)


def schedulefree(x, gradients, learning_rates, **case):
    for y, _ in means(x, gradients, learning_rates, **case):
        yield y


PEERS = {
    "schedulefree, schedulefree": Peer(  # it cannot swap scalars
        "schedulefree",
        dict(beta=0.7, **OFF, weight_decay=0.1, momentum=0.6),
        schedule_free_wrapper("schedulefree", weight_decay_at_y=0.1, momentum=0.7, **OFF),
        shapes=((3,), (4, 3), (2, 2, 2, 3)),
    ),
}
DIFFERING = {
    "schedulefree, pytorch_optimizer": Peer(  # it decays z by z
        "schedulefree",
        dict(beta=0.7, **OFF, weight_decay=0.1, momentum=0.6),
        schedule_free_wrapper("pytorch_optimizer", weight_decay=0.1, momentum=0.7, **OFF),
    ),
}
