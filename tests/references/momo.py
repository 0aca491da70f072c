"""MoMo: algorithm 1 of Schaipp et al. 2024, arXiv:2305.07583, with the bound of section 4 as an option."""

import itertools

import numpy as np

from tests.peers.libraries import Peer
from tests.peers.seen_loss import optax_seeing, torch_seeing
from tests.support.passes import LOSS

WHOLE = True
RATES = {"quadratic": 1.0, "rosenbrock": 0.002, "beale": 0.01}
RATE = 40.0
CASES = (
    {"beta": 0.7, "lower_bound": 0.3, "weight_decay": 0.05},
    {"beta": 0.7, "lower_bound": -20.0, "use_bias_correction": True, "adapt_lower_bound": True},
    {"beta": 0.0, "lower_bound": -3.0},
)


def momo(
    x, gradients, learning_rates, *, beta, lower_bound=0.0, use_bias_correction=False,
    adapt_lower_bound=False, weight_decay=0.0, losses=None,
):  # fmt: skip
    losses = itertools.repeat(LOSS) if losses is None else losses
    mean, d, product, bound, first = (
        0.0,
        np.zeros_like(x),
        0.0,
        lower_bound,
        not use_bias_correction,
    )
    for t, (g, lr, f) in enumerate(zip(gradients, learning_rates, losses), start=1):
        if first:
            mean, d, product, first = f, g, np.sum(g * x), False
        mean = beta * mean + (1 - beta) * f
        d = beta * d + (1 - beta) * g
        product = beta * product + (1 - beta) * np.sum(g * x)
        rho = 1 - beta**t if use_bias_correction else 1.0
        along, length, shrink = np.sum(d * x), np.sum(d * d), 1 + lr * weight_decay
        if adapt_lower_bound:
            cap = shrink * mean + along - shrink * product
            if cap < shrink * rho * bound:
                bound = max(cap / (2 * shrink * rho), lower_bound)
        height = shrink * (mean - rho * bound - product) + along
        tau = min(lr / rho, max(height, 0) / length)
        if adapt_lower_bound:
            bound = max((mean + along - product - tau * length / 2) / rho, lower_bound)
        x = (x - tau * d) / shrink
        yield x


FAR = dict(beta=0.7, lower_bound=0.3)
ADAPTING = dict(beta=0.7, lower_bound=-20.0, use_bias_correction=True, adapt_lower_bound=True)
CONSTANT = dict(constant_rate=True, rate=2.0)
PEERS = {
    "momo, momo-opt": Peer(
        "momo",
        dict(**FAR, weight_decay=0.05),
        torch_seeing("momo.Momo", beta=0.7, lb=0.3, weight_decay=0.05),
        **CONSTANT,
    ),
    "momo with bias correction and a bound that adapts, momo-opt": Peer(
        "momo",
        ADAPTING,
        torch_seeing("momo.Momo", beta=0.7, lb=-20.0, bias_correction=True, use_fstar=True),
        **CONSTANT,
    ),
    "momo, optax": Peer(
        "momo",
        FAR,
        optax_seeing(lambda o, lr: o.contrib.momo(2.0, beta=0.7, lower_bound=0.3)),
        **CONSTANT,
    ),
    "polyak_sgd, optax": Peer(
        "momo",
        dict(beta=0.0, lower_bound=0.3),
        optax_seeing(lambda o, lr: o.polyak_sgd(2.0, f_min=0.3)),
        **CONSTANT,
    ),
}
