"""Schedule-Free AdamW: algorithm 1 of Defazio et al. 2024, arXiv:2405.15682, with the weights of the
mean and the decay of the authors' code: the decay at y is added to the normalised gradient.

`means` yields the pairs (y, x): trained and tested weights.
"""

import numpy as np

from tests.peers.deviations import schedule_free
from tests.peers.libraries import Peer, keras_like, optax_like
from tests.peers.settings import BE, OBE, TBE
from tests.references.schedulefreesgd import DECAY, OFF, warmed, weighted

CASES = ({**BE, **OFF, **DECAY}, {**BE, "beta_1": 0.4, "r": 2.0})


def means(
    x, gradients, learning_rates, *, beta_1, beta_2, epsilon, warmup_steps=0, r=0.0,
    weight_lr_power=2.0, weight_decay=0.0,
):  # fmt: skip
    v = np.zeros_like(x)

    def step(t, rate, y):
        nonlocal v
        g = gradients[t - 1]
        v = beta_2 * v + (1 - beta_2) * g**2
        return -rate * (g / (np.sqrt(v / (1 - beta_2**t)) + epsilon) + weight_decay * y)

    rates = warmed(learning_rates[: len(gradients)], warmup_steps)
    yield from weighted(x, beta_1, rates, step, r=r, weight_lr_power=weight_lr_power)


def schedulefreeadamw(x, gradients, learning_rates, **case):
    for y, _ in means(x, gradients, learning_rates, **case):
        yield y


KERAS = dict(beta_1=0.75, beta_2=0.9375, epsilon=1 / 64)  # exact in float32
PEERS = {
    "schedulefreeadamw, schedulefree": Peer(
        "schedulefreeadamw",
        dict(**BE, **OFF, **DECAY),
        schedule_free("AdamWScheduleFree", **TBE, **OFF, **DECAY),
    ),
    "schedulefreeadamw, pytorch_optimizer": Peer(
        "schedulefreeadamw",
        dict(**BE, **OFF, **DECAY),
        schedule_free("pytorch_optimizer.ScheduleFreeAdamW", **TBE, **OFF, **DECAY),
    ),
    "schedulefreeadamw, optax": Peer(
        "schedulefreeadamw",
        dict(**BE, weight_lr_power=1.5, **DECAY),
        optax_like(
            lambda o, lr: o.contrib.schedule_free_adamw(1 / 16, **OBE, weight_lr_power=1.5, **DECAY)
        ),
        constant_rate=True,
    ),
    "schedulefreeadamw, keras": Peer(  # equal without warm-up and decay, at a constant rate
        "schedulefreeadamw",
        KERAS,
        keras_like("keras.optimizers.ScheduleFreeAdamW", **KERAS),
        constant_rate=True,
    ),
}
DIFFERING = {
    "schedulefreeadamw with warm-up, optax": Peer(  # the first rate is 0, the authors' 1 / steps
        "schedulefreeadamw",
        dict(**BE, warmup_steps=6),
        optax_like(lambda o, lr: o.contrib.schedule_free_adamw(1 / 16, warmup_steps=6, **OBE)),
        constant_rate=True,
    ),
    "schedulefreeadamw with warm-up, keras": Peer(  # the mean has all steps of it in equal shares
        "schedulefreeadamw",
        dict(**KERAS, warmup_steps=6),
        keras_like("keras.optimizers.ScheduleFreeAdamW", **KERAS, warmup_steps=6),
        constant_rate=True,
    ),
    "schedulefreeadamw with weight decay, keras": Peer(  # it decays y, but not z
        "schedulefreeadamw",
        dict(**KERAS, **DECAY),
        keras_like("keras.optimizers.ScheduleFreeAdamW", **KERAS, **DECAY),
        constant_rate=True,
    ),
}
