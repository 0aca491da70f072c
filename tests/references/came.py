"""CAME: Algorithm 2 of Luo et al. 2023, arXiv:2307.02047, with the row means of Adafactor's code.

The last two axes are factored. Vectors have no confidence, as in the authors' code.
"""

import numpy as np

from tests.peers.deviations import po
from tests.peers.libraries import Peer, torch_like

CASES = (
    {"beta_1": 0.8, "beta_2": 0.9, "beta_3": 0.95, "epsilon_1": 1e-2, "epsilon_2": 1e-2,
     "clip_threshold": 0.7},
)  # fmt: skip


def factored(rows, columns):
    """The matrix of rank 1 with these means of its rows and columns."""
    return rows * columns / rows.mean(-2, keepdims=True)


def came(
    x, gradients, learning_rates, *, beta_1, beta_2, beta_3, epsilon_1, epsilon_2, clip_threshold
):
    m = np.zeros_like(x)
    rows = columns = v = unsure_rows = unsure_columns = 0.0
    for g, lr in zip(gradients, learning_rates):
        square = g**2 + epsilon_1
        if x.ndim >= 2:
            rows = beta_2 * rows + (1 - beta_2) * square.mean(-1, keepdims=True)
            columns = beta_2 * columns + (1 - beta_2) * square.mean(-2, keepdims=True)
            v = factored(rows, columns)
        else:
            v = beta_2 * v + (1 - beta_2) * square
        u = g / np.sqrt(v)
        u = u / max(1.0, np.sqrt(np.mean(u**2)) / clip_threshold)
        m = beta_1 * m + (1 - beta_1) * u
        step = m
        if x.ndim >= 2:
            unsure = (u - m) ** 2 + epsilon_2
            unsure_rows = beta_3 * unsure_rows + (1 - beta_3) * unsure.mean(-1, keepdims=True)
            unsure_columns = beta_3 * unsure_columns + (1 - beta_3) * unsure.mean(-2, keepdims=True)
            step = m / np.sqrt(factored(unsure_rows, unsure_columns))
        x = x - lr * step
        yield x


BETAS = dict(betas=(0.8, 0.9, 0.95), clip_threshold=0.7, weight_decay=0.1)
PEERS = {
    "came, came-pytorch": Peer(
        "came",
        dict(**CASES[0], weight_decay=0.1),
        torch_like("came_pytorch:CAME", **BETAS, eps=(1e-2, 1e-2)),
    ),
    "came, pytorch_optimizer": Peer(
        "came", dict(**CASES[0], weight_decay=0.1), po("CAME", **BETAS, eps1=1e-2, eps2=1e-2)
    ),
}
