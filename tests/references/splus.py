"""SPlus: Frans et al. 2025, arXiv:2506.07254, with the factors of the authors' code for PyTorch.

The basis of a null space is that of the reference of SOAP.
"""

import numpy as np

from tests.peers.libraries import Peer, torch_like
from tests.peers.settings import TB, B
from tests.references.soap import by_blocks, eigenbasis, in_double_precision

CASES = (
    {"beta_1": 0.8, "beta_2": 0.95, "refresh_period": 3, "vector_scale": 0.1},
    {"beta_1": 0.8, "beta_2": 0.95, "refresh_period": 10, "block_size": 7, "weight_decay": 0.1},
)

RATES = {"quadratic": 50.0, "rosenbrock": 20.0, "beale": 20.0}  # vectors take a thousandth


def block(shape, beta_1, beta_2, refresh_period):
    left, right = np.eye(shape[0]), np.eye(shape[1])
    m = a = b = t = 0.0

    def step(g):
        nonlocal left, right, m, a, b, t
        t += 1
        m = beta_1 * m + (1 - beta_1) * g
        inside = left.T @ m @ right
        inside[np.abs(inside) <= 1e-12 * np.abs(inside).max()] = 0.0
        direction = left @ np.sign(inside) @ right.T
        a = beta_2 * a + (1 - beta_2) * g @ g.T
        b = beta_2 * b + (1 - beta_2) * g.T @ g
        if t == 1 or t % refresh_period == 0:
            left, right = eigenbasis(a), eigenbasis(b)
        return direction

    return step


def splus(
    x, gradients, learning_rates, *, beta_1, beta_2, refresh_period=100, vector_scale=0.001,
    block_size=1024, weight_decay=0.0,
):  # fmt: skip
    if x.ndim < 2:
        means, m = [], 0.0
        for g in gradients:
            m = beta_1 * m + (1 - beta_1) * g
            means.append(m)
        steps, scale = map(np.sign, means), vector_scale
    else:
        steps = by_blocks(
            x, gradients, block_size, lambda shape: block(shape, beta_1, beta_2, refresh_period)
        )
        scale = 2 / (x.size / x.shape[-1] + x.shape[-1])
    for step, lr in zip(steps, learning_rates, strict=False):
        x = x - lr * scale * (step + weight_decay * x)
        yield x


PEERS = {
    # It leaves the basis of null spaces to the library for eigenvalues.
    "splus, pytorch_optimizer": Peer(
        "splus",
        dict(**B, refresh_period=3),
        torch_like(in_double_precision("SPlus"), **TB, inverse_steps=3, weight_decay=0.0),
        shapes=((), (3,), (4, 4), (7, 7)),
    ),
}
