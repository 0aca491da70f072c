"""Prodigy: algorithm 4 of Mishchenko, Defazio 2024, arXiv:2306.06101, with the constants of the authors' code:
the sums are divided by d0, decay sqrt(beta_2), the bias correction and the safeguard as options.

The cases have a large d_coef, because along random gradients the estimate would stay where it is.
"""

import numpy as np

from tests.peers.deviations import po
from tests.peers.libraries import Peer, optax_like, torch_like
from tests.peers.settings import BE, TBE

WHOLE = True
RATES = {"quadratic": 1.0, "rosenbrock": 1.0, "beale": 1.0}
CASES = (
    {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-2, "d0": 0.01, "d_coef": 30.0, "weight_decay": 0.1},
    {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-2, "d0": 1e-3, "d_coef": 60.0, "beta_3": 0.9,
     "use_bias_correction": True, "growth_rate": 1.2},
    {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-2, "d0": 1e-3, "d_coef": 1000.0,
     "safeguard_warmup": True},
)  # fmt: skip


def prodigy(
    x, gradients, learning_rates, *, beta_1, beta_2, epsilon, d0=1e-6, d_coef=1.0, beta_3=None,
    use_bias_correction=False, safeguard_warmup=False, growth_rate=np.inf, weight_decay=0.0,
    slice_p=1,
):  # fmt: skip
    beta_3 = np.sqrt(beta_2) if beta_3 is None else beta_3
    m = v = np.zeros_like(x)
    start, s, r, d, d_max = x, np.zeros_like(np.ravel(x)[::slice_p]), 0.0, d0, d0
    for t, (g, lr) in enumerate(zip(gradients, learning_rates), start=1):
        dlr = d * lr
        if use_bias_correction:
            dlr *= np.sqrt(1 - beta_2**t) / (1 - beta_1**t)
        part, way = np.ravel(g)[::slice_p], np.ravel(start - x)[::slice_p]
        r = beta_3 * r + d / d0 * dlr * np.sum(part * way)
        s = beta_3 * s + d / d0 * (d if safeguard_warmup else dlr) * part
        m = beta_1 * m + (1 - beta_1) * d * g
        v = beta_2 * v + (1 - beta_2) * d**2 * g**2
        d_hat = d_coef * r / np.sum(np.abs(s))
        if d == d0:
            d = max(d, d_hat)
        d_max = max(d_max, d_hat)
        d = min(d_max, d * growth_rate)
        x = x - dlr * weight_decay * x - dlr * m / (np.sqrt(v) + d * epsilon)
        yield x


def steady(gradients):
    """A slope beneath the noise, so that the estimate grows."""
    return [2 + g for g in gradients]


D = dict(**BE, d0=0.01, d_coef=30.0)
O = dict(d0=0.01, d_coef=30.0)
PEERS = {
    "prodigy, prodigyopt": Peer(
        "prodigy",
        dict(**D, weight_decay=0.1),
        torch_like("prodigyopt.Prodigy", **TBE, **O, weight_decay=0.1),
        gradients=steady,
    ),
    "prodigy with every option, prodigyopt": Peer(
        "prodigy",
        dict(**D, beta_3=0.9, use_bias_correction=True, safeguard_warmup=True, growth_rate=1.1,
             slice_p=3),
        torch_like("prodigyopt.Prodigy", **TBE, **O, beta3=0.9, use_bias_correction=True,
                   safeguard_warmup=True, growth_rate=1.1, slice_p=3),
        gradients=steady,
    ),
    "prodigy, pytorch_optimizer": Peer(
        "prodigy", dict(**D, weight_decay=0.1),
        po("Prodigy", **TBE, **O, weight_decay=0.1, weight_decouple=True), gradients=steady,
    ),
    "prodigy, optax": Peer(
        "prodigy", dict(**BE, d0=0.01, d_coef=5.0, use_bias_correction=True),
        optax_like(lambda o, lr: o.contrib.prodigy(lr, betas=(0.8, 0.95), eps=1e-2, estim_lr0=0.01,
                                                   estim_lr_coef=5.0)),
        gradients=steady,
    ),
}  # fmt: skip
