"""D-Adaptation of Adam: algorithm 5 of Defazio, Mishchenko 2023, arXiv:2301.07733, with the bias correction as an option."""

import numpy as np

from tests.peers.deviations import po
from tests.peers.libraries import Peer, optax_like, torch_like
from tests.peers.settings import BE, TBE
from tests.references.prodigy import steady

WHOLE = True
RATE = 30.0
RATES = {"quadratic": 0.1, "rosenbrock": 0.1, "beale": 0.1}
CASES = (
    {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-2, "d0": 0.01, "weight_decay": 0.1},
    {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-2, "d0": 0.3, "use_bias_correction": True,
     "growth_rate": 1.02},
)  # fmt: skip


def dadaptadam(
    x, gradients, learning_rates, *, beta_1, beta_2, epsilon, d0=1e-6, use_bias_correction=False,
    growth_rate=np.inf, weight_decay=0.0,
):  # fmt: skip
    decay = np.sqrt(beta_2)
    m = v = s = np.zeros_like(x)
    d, r = d0, 0.0
    for t, (g, lr) in enumerate(zip(gradients, learning_rates), start=1):
        dlr = d * lr
        if use_bias_correction:
            dlr *= np.sqrt(1 - beta_2**t) / (1 - beta_1**t)
        product = dlr * np.sum(g * s / (np.sqrt(v) + epsilon))
        m = beta_1 * m + (1 - beta_1) * dlr * g
        v = beta_2 * v + (1 - beta_2) * g**2
        s = decay * s + (1 - decay) * dlr * g
        r = decay * r + (1 - decay) * product
        d_hat = r / ((1 - decay) * np.sum(np.abs(s)))
        d = max(d, min(d_hat, d * growth_rate))
        x = x - dlr * weight_decay * x - m / (np.sqrt(v) + epsilon)
        yield x


PEERS = {
    "dadaptadam, dadaptation": Peer(
        "dadaptadam", dict(**BE, d0=0.01, weight_decay=0.1, growth_rate=1.1),
        torch_like("dadaptation.DAdaptAdam", **TBE, d0=0.01, weight_decay=0.1, growth_rate=1.1, decouple=True),
        gradients=steady, constant_rate=True, rate=0.7,
    ),
    "dadaptadam with every option, dadaptation": Peer(
        "dadaptadam", dict(**BE, d0=0.01, use_bias_correction=True, growth_rate=1.1),
        torch_like("dadaptation.DAdaptAdam", **TBE, d0=0.01, use_bias_correction=True,
                   growth_rate=1.1),
        gradients=steady, constant_rate=True, rate=0.7,
    ),
    "dadaptadam, pytorch_optimizer": Peer(
        "dadaptadam", dict(**BE, d0=0.01, weight_decay=0.1, growth_rate=1.1),
        po("DAdaptAdam", **TBE, d0=0.01, weight_decay=0.1, growth_rate=1.1, weight_decouple=True),
        gradients=steady, constant_rate=True, rate=0.7,
    ),
    "dadaptadam, optax": Peer(
        "dadaptadam", dict(**BE, d0=0.01, use_bias_correction=True),
        optax_like(lambda o, lr: o.contrib.dadapt_adamw(lr, betas=(0.8, 0.95), eps=1e-2,
                                                        estim_lr0=0.01)),
        gradients=steady, constant_rate=True, rate=0.7,
    ),
}  # fmt: skip
