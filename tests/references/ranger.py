"""Ranger: Wright 2019, lessw2020/Ranger-Deep-Learning-Optimizer: RAdam (Liu et al. 2020), Lookahead (Zhang et al. 2019),
gradient centralisation (Yong et al. 2020). Units are on the last axis, as in Keras.
"""

import numpy as np

from tests.peers.deviations import outputs_first, po
from tests.peers.libraries import Peer
from tests.peers.settings import BE, TBE

CASES = (
    {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-2, "sync_period": 4, "slow_step_size": 0.3},
    {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-2, "sma_threshold": 4.0, "weight_decay": 0.1},
)
RATES = {"rosenbrock": 0.002}  # as RAdam


def ranger(
    x,
    gradients,
    learning_rates,
    *,
    beta_1,
    beta_2,
    epsilon,
    sync_period=6,
    slow_step_size=0.5,
    sma_threshold=5.0,
    weight_decay=0.0,
):
    m = v = np.zeros_like(x)
    slow, longest = x, 2 / (1 - beta_2) - 1
    for t, (g, lr) in enumerate(zip(gradients, learning_rates), start=1):
        if g.ndim > 1:
            g = g - np.mean(g, axis=tuple(range(g.ndim - 1)), keepdims=True)
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        step = m / (1 - beta_1**t)
        rho = longest - 2 * t * beta_2**t / (1 - beta_2**t)
        if rho > sma_threshold:
            r = (rho - 4) * (rho - 2) * longest / ((longest - 4) * (longest - 2) * rho)
            step = step * np.sqrt(r * (1 - beta_2**t)) / (np.sqrt(v) + epsilon)
        x = x - lr * weight_decay * x - lr * step
        if t % sync_period == 0:
            slow = slow + slow_step_size * (x - slow)
            x = slow
        yield x


RANGER = dict(k=4, alpha=0.3, **TBE)
PEERS = {
    "ranger, pytorch_optimizer": Peer(
        "ranger",
        dict(**BE, sync_period=4, slow_step_size=0.3),
        outputs_first(po("Ranger", degenerated_to_sgd=True, **RANGER)),
    ),
    "ranger decay, pytorch_optimizer": Peer(
        "ranger",
        dict(**BE, sync_period=4, slow_step_size=0.3, weight_decay=0.1),
        outputs_first(po("Ranger", degenerated_to_sgd=True, weight_decay=0.1, **RANGER)),
    ),
}
DIFFERING = {
    "ranger default, pytorch_optimizer": Peer(  # uphill while the variance is not trusted
        "ranger",
        dict(**BE, sync_period=4, slow_step_size=0.3),
        outputs_first(po("Ranger", **RANGER)),
    ),
}
