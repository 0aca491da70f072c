"""MARS-AdamW: Algorithms 1 and 2 of Yuan et al. 2024, arXiv:2411.10438, in the approximate form (section 3.3).

That form takes the last gradient of the last batch, where the exact one evaluates it again on this batch.
Scalars and vectors take AdamW, with decay rates of their own, as in the authors' code.
"""

import numpy as np

from tests.peers.deviations import adjusted, epsilon_after_correction
from tests.peers.libraries import Peer, torch_like
from tests.peers.settings import BE

CASES = (
    {"beta_1": 0.8, "beta_2": 0.95, "gamma": 0.3, "epsilon": 1e-2, "vector_beta_1": 0.7,
     "vector_beta_2": 0.97},
    {"beta_1": 0.8, "beta_2": 0.95, "gamma": 0.3, "epsilon": 1e-2, "vectors": True},
)  # fmt: skip


def mars(
    x, gradients, learning_rates, *, beta_1, beta_2, gamma, epsilon, vectors=False,
    vector_beta_1=0.9, vector_beta_2=0.95,
):  # fmt: skip
    m = v = last = np.zeros_like(x)
    reduces = vectors or x.ndim >= 2
    b1, b2 = (beta_1, beta_2) if reduces else (vector_beta_1, vector_beta_2)
    for t, (g, lr) in enumerate(zip(gradients, learning_rates), start=1):
        c = g
        if reduces:
            c = g + gamma * b1 / (1 - b1) * (g - last)
            norm = np.sqrt(np.sum(c**2))
            c = c / norm if norm > 1 else c
        last = g
        m = b1 * m + (1 - b1) * c
        v = b2 * v + (1 - b2) * c**2
        x = x - lr * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + epsilon)
        yield x


BY_1D = dict(betas=(0.8, 0.95), gamma=0.3, optimize_1d=True)
PEERS = {
    "mars, pytorch_optimizer": Peer(
        "mars",
        dict(**BE, gamma=0.3, vectors=True),
        torch_like(adjusted("pytorch_optimizer.MARS", epsilon_after_correction), **BY_1D),
    ),
    "mars for vectors, pytorch_optimizer": Peer(
        "mars",
        dict(beta_1=0.8, beta_2=0.95, gamma=0.3, epsilon=1e-12, vector_beta_1=0.7),
        torch_like(
            "pytorch_optimizer.MARS",
            betas=(0.8, 0.95),
            gamma=0.3,
            betas_1d=(0.7, 0.95),
            lr_1d=1 / 16,
            weight_decay_1d=0.0,
            eps=1e-12,
        ),
        shapes=((3,), (4, 3)),
    ),
}
DIFFERING = {
    "mars, pytorch_optimizer's epsilon": Peer(  # it is added before the bias correction
        "mars",
        dict(**BE, gamma=0.3, vectors=True),
        torch_like("pytorch_optimizer.MARS", **BY_1D, eps=1e-2),
    ),
}
