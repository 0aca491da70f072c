"""Schedule-Free RAdam: Schedule-Free (Defazio et al. 2024, arXiv:2405.15682) with the rectified rate of
Liu et al. 2020 (arXiv:1908.03265, threshold 4) and, as in the authors' code, no moves before it.

`means` yields the pairs (y, x): trained and tested weights.
"""

import numpy as np

from tests.peers.deviations import schedule_free
from tests.peers.libraries import Peer
from tests.peers.settings import BE, TBE
from tests.references.schedulefreesgd import DECAY, weighted

OFF = dict(r=0.5, weight_lr_power=1.5)
CASES = (
    {**BE, **OFF, **DECAY},
    {**BE, "beta_2": 0.999, "silent_sgd_phase": False},
    {**BE, "weight_lr_power": 0.0},
    {**BE, "beta_2": 0.5, "silent_sgd_phase": False},
)
RATES = {"rosenbrock": 0.002}  # its first four steps are plain gradients


def rectified(t, beta_2):
    longest = 2 / (1 - beta_2) - 1
    rho = longest - 2 * t * beta_2**t / (1 - beta_2**t)
    if rho <= 4:
        return None
    return np.sqrt((rho - 4) * (rho - 2) * longest / ((longest - 4) * (longest - 2) * rho))


def means(
    x, gradients, learning_rates, *, beta_1, beta_2, epsilon, r=0.0, weight_lr_power=2.0,
    weight_decay=0.0, silent_sgd_phase=True,
):  # fmt: skip
    v, early = np.zeros_like(x), 0.0 if silent_sgd_phase else 1.0
    factors = [rectified(t, beta_2) for t in range(1, len(gradients) + 1)]

    def step(t, rate, y):
        nonlocal v
        g = gradients[t - 1]
        v = beta_2 * v + (1 - beta_2) * g**2
        if factors[t - 1] is not None:
            g = g / (np.sqrt(v / (1 - beta_2**t)) + epsilon)
        return -rate * (g + weight_decay * y)

    rates = [
        lr * (early if f is None else f) for lr, f in zip(learning_rates, factors, strict=False)
    ]
    yield from weighted(x, beta_1, rates, step, r=r, weight_lr_power=weight_lr_power)


def schedulefreeradam(x, gradients, learning_rates, **case):
    for y, _ in means(x, gradients, learning_rates, **case):
        yield y


PEERS = {
    "schedulefreeradam, schedulefree": Peer(
        "schedulefreeradam",
        dict(**BE, **OFF, **DECAY),
        schedule_free("RAdamScheduleFree", **TBE, **OFF, **DECAY),
    ),
    "schedulefreeradam with a first phase, schedulefree": Peer(
        "schedulefreeradam",
        dict(**BE, **OFF, **DECAY, silent_sgd_phase=False),
        schedule_free("RAdamScheduleFree", **TBE, **OFF, **DECAY, silent_sgd_phase=False),
    ),
    "schedulefreeradam, pytorch_optimizer": Peer(
        "schedulefreeradam",
        dict(**BE, **OFF, **DECAY),
        schedule_free("pytorch_optimizer.ScheduleFreeRAdam", **TBE, **OFF, **DECAY),
    ),
}
DIFFERING = {
    "schedulefreeradam with a first phase, pytorch_optimizer": Peer(  # at a rate of 1 there
        "schedulefreeradam",
        dict(**BE, **OFF, silent_sgd_phase=False),
        schedule_free("pytorch_optimizer.ScheduleFreeRAdam", **TBE, **OFF, silent_sgd_phase=False),
    ),
}
