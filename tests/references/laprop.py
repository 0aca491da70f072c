"""LaProp: Algorithm 1 of Ziyin, Wang, Ueda 2020, arXiv:2002.04839.

With rates that change, the authors' code averages `rate * normalised gradient`, and divides by the
average rate.
"""

import numpy as np

from tests.peers.deviations import adjusted, epsilon_after_correction, po
from tests.peers.libraries import Peer, torch_like
from tests.peers.settings import BE, TB

CASES = ({"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-2},)


def laprop(x, gradients, learning_rates, *, beta_1, beta_2, epsilon):
    m = v = np.zeros_like(x)
    rate = 0.0
    for t, (g, lr) in enumerate(zip(gradients, learning_rates), start=1):
        v = beta_2 * v + (1 - beta_2) * g**2
        m = beta_1 * m + (1 - beta_1) * lr * g / (np.sqrt(v / (1 - beta_2**t)) + epsilon)
        rate = beta_1 * rate + (1 - beta_1) * lr
        x = x - lr * m / rate
        yield x


PEERS = {
    "laprop, pytorch_optimizer": Peer(
        "laprop",
        BE,
        torch_like(
            adjusted("pytorch_optimizer.LaProp", epsilon_after_correction), **TB, foreach=False
        ),
    ),
}
DIFFERING = {
    "laprop, pytorch_optimizer's epsilon": Peer(  # it is added before the bias correction
        "laprop", BE, po("LaProp", **TB, eps=1e-2, foreach=False)
    ),
}
