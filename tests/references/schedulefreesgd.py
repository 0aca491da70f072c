"""Schedule-Free SGD: Defazio et al. 2024, arXiv:2405.15682, equations 4 to 6, with the weights of
the mean, the warm-up and the decay at y of the authors' code. All three sequences are kept.

`means` yields the pairs (y, x): trained and tested weights.
"""

import numpy as np

from tests.peers.deviations import schedule_free
from tests.peers.libraries import Peer, optax_like

OFF = dict(warmup_steps=6, r=0.5, weight_lr_power=1.5)
DECAY = dict(weight_decay=0.1)
CASES = ({"momentum": 0.7, **OFF, **DECAY}, {"momentum": 0.4, "weight_lr_power": 0.0, "r": 1.0})
RATES = {"quadratic": 0.5, "rosenbrock": 0.001, "beale": 0.005}


def weighted(x, beta, rates, step, *, r, weight_lr_power, project=lambda z: z):
    """Yield (y, x); `step(t, rate, y)` is the step of z, at the rate that has its warm-up."""
    y = z = x = np.copy(x)
    largest, weights = 0.0, 0.0
    for t, rate in enumerate(rates, start=1):
        z = project(z + step(t, rate, y))
        largest = max(largest, rate)
        weight = t**r * largest**weight_lr_power
        weights += weight
        c = weight / weights if weights else 0.0
        x = (1 - c) * x + c * z
        y = beta * x + (1 - beta) * z
        yield y, x


def warmed(rates, steps):
    return [lr * min(1.0, t / steps if steps else 1.0) for t, lr in enumerate(rates, start=1)]


def means(
    x, gradients, learning_rates, *, momentum, warmup_steps=0, r=0.0, weight_lr_power=2.0,
    weight_decay=0.0, project=lambda z: z,
):  # fmt: skip
    def step(t, rate, y):
        return -rate * (gradients[t - 1] + weight_decay * y)

    rates = warmed(learning_rates[: len(gradients)], warmup_steps)
    options = dict(r=r, weight_lr_power=weight_lr_power, project=project)
    yield from weighted(x, momentum, rates, step, **options)


def schedulefreesgd(x, gradients, learning_rates, **case):
    for y, _ in means(x, gradients, learning_rates, **case):
        yield y


PEERS = {
    "schedulefreesgd, schedulefree": Peer(
        "schedulefreesgd",
        dict(momentum=0.7, **OFF, **DECAY),
        schedule_free("SGDScheduleFree", momentum=0.7, **OFF, **DECAY),
    ),
    "schedulefreesgd, pytorch_optimizer": Peer(
        "schedulefreesgd",
        dict(momentum=0.7, **OFF, **DECAY),
        schedule_free("pytorch_optimizer.ScheduleFreeSGD", momentum=0.7, **OFF, **DECAY),
    ),
    "schedulefreesgd, optax": Peer(  # with a schedule it counts the steps of c from 1, those of z from 0
        "schedulefreesgd",
        dict(momentum=0.7, weight_lr_power=1.5, **DECAY),
        optax_like(
            lambda o, lr: o.contrib.schedule_free_sgd(1 / 16, b1=0.7, weight_lr_power=1.5, **DECAY)
        ),
        constant_rate=True,
    ),
}
DIFFERING = {
    "schedulefreesgd with warm-up, optax": Peer(  # the first rate of z is 0, the authors' 1 / steps
        "schedulefreesgd",
        dict(momentum=0.7, warmup_steps=6),
        optax_like(lambda o, lr: o.contrib.schedule_free_sgd(1 / 16, warmup_steps=6, b1=0.7)),
        constant_rate=True,
    ),
}
