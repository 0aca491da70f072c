"""diffGrad: section III of Dubey et al. 2020, arXiv:1909.11015; the gradient before the first is 0."""

import numpy as np

from tests.peers.deviations import adjusted, epsilon_after_correction
from tests.peers.libraries import Peer, torch_like
from tests.peers.settings import BE, TBE

CASES = ({"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-2},)


def diffgrad(x, gradients, learning_rates, *, beta_1, beta_2, epsilon):
    m = v = previous = np.zeros_like(x)
    for t, (g, lr) in enumerate(zip(gradients, learning_rates), start=1):
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        friction = 1 / (1 + np.exp(-np.abs(previous - g)))
        m_hat = m / (1 - beta_1**t)
        v_hat = v / (1 - beta_2**t)
        x = x - lr * friction * m_hat / (np.sqrt(v_hat) + epsilon)
        previous = g
        yield x


PEERS = {
    "diffgrad, pytorch_optimizer": Peer(
        "diffgrad",
        BE,
        torch_like(adjusted("pytorch_optimizer.DiffGrad", epsilon_after_correction), **TBE),
    ),
}
