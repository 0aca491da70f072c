"""MoMo-Adam: algorithm 2 of Schaipp et al. 2024, arXiv:2305.07583, with the bound of section 4 as an option."""

import itertools

import numpy as np

from tests.peers.libraries import Peer
from tests.peers.seen_loss import optax_seeing, torch_seeing
from tests.peers.settings import BE, TBE
from tests.support.passes import LOSS

WHOLE = True
RATES = {"quadratic": 0.1, "rosenbrock": 0.02, "beale": 0.02}
RATE = 8.0
CASES = (
    {**BE, "lower_bound": 0.3, "weight_decay": 0.05},
    {**BE, "lower_bound": -20.0, "adapt_lower_bound": True},
)


def momoadam(
    x, gradients, learning_rates, *, beta_1, beta_2, epsilon, lower_bound=0.0,
    adapt_lower_bound=False, weight_decay=0.0, losses=None,
):  # fmt: skip
    losses = itertools.repeat(LOSS) if losses is None else losses
    mean, d, v, product, bound = 0.0, np.zeros_like(x), np.zeros_like(x), 0.0, lower_bound
    for t, (g, lr, f) in enumerate(zip(gradients, learning_rates, losses), start=1):
        mean = beta_1 * mean + (1 - beta_1) * f
        d = beta_1 * d + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        product = beta_1 * product + (1 - beta_1) * np.sum(g * x)
        rho = 1 - beta_1**t
        step = d / (np.sqrt(v / (1 - beta_2**t)) + epsilon)
        along, length, shrink = np.sum(d * x), np.sum(d * step), 1 + lr * weight_decay
        if adapt_lower_bound:
            cap = shrink * mean + along - shrink * product
            if cap < shrink * rho * bound:
                bound = max(cap / (2 * shrink * rho), lower_bound)
        height = shrink * (mean - rho * bound - product) + along
        tau = min(lr / rho, max(height, 0) / length)
        if adapt_lower_bound:
            bound = max((mean + along - product - tau * length / 2) / rho, lower_bound)
        x = (x - tau * step) / shrink
        yield x


CONSTANT = dict(constant_rate=True, rate=0.5)
PEERS = {
    "momoadam, momo-opt": Peer(
        "momoadam",
        dict(**BE, lower_bound=0.3, weight_decay=0.05),
        torch_seeing("momo.MomoAdam", **TBE, lb=0.3, weight_decay=0.05),
        **CONSTANT,
    ),
    "momoadam with a bound that adapts, momo-opt": Peer(
        "momoadam",
        dict(**BE, lower_bound=-20.0, adapt_lower_bound=True),
        torch_seeing("momo.MomoAdam", **TBE, lb=-20.0, use_fstar=True),
        **CONSTANT,
    ),
    "momoadam, optax": Peer(
        "momoadam",
        dict(**BE, lower_bound=0.3),
        optax_seeing(
            lambda o, lr: o.contrib.momo_adam(0.5, b1=0.8, b2=0.95, eps=1e-2, lower_bound=0.3)
        ),
        **CONSTANT,
    ),
}
