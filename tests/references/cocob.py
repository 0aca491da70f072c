"""COCOB-Backprop: algorithm 2 of Orabona, Tommasi 2017, arXiv:1705.07795; the rate is the share of the way."""

import numpy as np

from tests.peers.libraries import Peer, optax_like, torch_like

RATES = {"quadratic": 1.0, "rosenbrock": 1.0, "beale": 1.0}
CASES = (
    {"alpha": 3.0, "epsilon": 0.5, "weight_decay": 0.1},
    {"alpha": 20.0, "epsilon": 1e-2, "weight_decay": 0.0},
)


def cocob(x, gradients, learning_rates, *, alpha, epsilon, weight_decay):
    start, largest = np.copy(x), np.full_like(x, epsilon)
    total = absolute = reward = np.zeros_like(x)
    for g, lr in zip(gradients, learning_rates):
        g = g + weight_decay * x
        largest = np.maximum(largest, np.abs(g))
        absolute = absolute + np.abs(g)
        reward = np.maximum(reward - g * (x - start), 0)
        total = total - g
        bet = total / (largest * np.maximum(absolute + largest, alpha * largest))
        x = x + lr * (start + bet * (largest + reward) - x)
        yield x


def without_rate(params, lr, **arguments):
    """parameterfree has no rate."""
    from parameterfree import COCOB

    return COCOB(params, **arguments)


FAR = dict(alpha=3.0, epsilon=0.5, weight_decay=0.1)
PEERS = {
    "cocob, parameterfree": Peer(
        "cocob",
        FAR,
        torch_like(without_rate, alpha=3.0, eps=0.5, weight_decay=0.1),
        constant_rate=True,
        rate=1.0,
    ),
    "cocob, optax": Peer(  # its rate is a factor of the gradient
        "cocob",
        FAR,
        optax_like(lambda o, lr: o.contrib.cocob(lr, alpha=3.0, eps=0.5, weight_decay=0.1)),
        constant_rate=True,
        rate=1.0,
    ),
}
