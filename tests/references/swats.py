"""SWATS: Algorithm 1 of Keskar & Socher 2017, arXiv:1712.07628, on one tensor.

One epsilon serves as Adam's (before the bias correction) and as the tolerance of the switch, as in the paper.
Averaged and kept are the ratios of the estimated rates to the given ones, so that these go on working; while they
are constant this is the paper, where the estimated rate alone is used after the switch. It must be positive.
"""

import numpy as np

from tests.peers.deviations import first_repeated, po, swats_optimizer
from tests.peers.libraries import Peer, torch_like
from tests.peers.settings import TB, B

CASES = (
    {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-2},
    {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3},
)


def swats(x, gradients, learning_rates, *, beta_1, beta_2, epsilon):
    m = a = velocity = np.zeros_like(x)
    average, sgd_ratio = 0.0, None
    for k, (g, lr) in enumerate(zip(gradients, learning_rates), start=1):
        if sgd_ratio is not None:
            velocity = beta_1 * velocity + g
            x = x - (1 - beta_1) * lr * sgd_ratio * velocity
            yield x
            continue
        m = beta_1 * m + (1 - beta_1) * g
        a = beta_2 * a + (1 - beta_2) * g**2
        p = -np.sqrt(1 - beta_2**k) / (1 - beta_1**k) * m / (np.sqrt(a) + epsilon)
        x = x + lr * p
        if np.sum(p * g) != 0:
            ratio = np.sum(p * p) / -np.sum(p * g)
            average = beta_2 * average + (1 - beta_2) * ratio
            corrected = average / (1 - beta_2**k)
            if k > 1 and lr * abs(corrected - ratio) < epsilon and corrected > 0:
                sgd_ratio = corrected
        yield x


PEERS = {
    "swats, pytorch_optimizer": Peer(  # its tolerance is relative
        "swats",
        dict(**B, epsilon=1e-3),
        torch_like(swats_optimizer, eps=1e-3, **TB),
        constant_rate=True,
        gradients=first_repeated,
    ),
    "swats before the switch, pytorch_optimizer": Peer(
        "swats", dict(**B, epsilon=1e-7), po("SWATS", eps=1e-7, **TB)
    ),
}
