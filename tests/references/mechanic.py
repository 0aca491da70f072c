"""Mechanic: algorithm 1 of Cutkosky, Defazio, Mehta 2023, arXiv:2306.00144, around SGD with heavy-ball momentum.

As in the authors' code, the decay has the weights after the base step, and m begins at 1e-6.
"""

import numpy as np

from tests.peers.libraries import Peer, optax_like, torch_like

WHOLE = True
CASES = (
    {"s_decay": 0.1, "betas": [0.9, 0.99], "s_init": 0.5, "epsilon": 1e-2, "momentum": 0.7},
    {"s_init": 0.05, "momentum": 0.0},
)
USUAL = (0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999999)


def mechanic(
    x, gradients, learning_rates, *, momentum, s_decay=0.01, betas=USUAL, s_init=1e-8, epsilon=1e-8
):
    start, base, betas = np.copy(x), np.zeros_like(x), np.array(betas)
    s, v, r, m = (np.full(len(betas), a) for a in (0.0, 0.0, 0.0, 1e-6))
    for g, lr in zip(gradients, learning_rates):
        base = momentum * base + g
        u = -lr * base
        delta = (x - start) / (np.sum(s) + epsilon)
        norm, there = np.sqrt(np.sum(g**2)), x + u
        decay = s_decay * np.sum(s) * norm / (np.sqrt(np.sum(there**2)) + epsilon) * there
        h = np.sum(delta * (g + decay))
        m = np.maximum(betas * m, np.abs(h))
        v = betas**2 * v + h**2
        r = np.maximum(0, betas * r - s * h)
        s = (m * s_init / len(betas) + r) / (np.sqrt(v) + epsilon)
        x = start + np.sum(s) * (delta + u)
        yield x


def mechanized(params, lr, s_decay=0.01, **arguments):
    import torch
    from mechanic_pytorch import mechanize

    return mechanize(torch.optim.SGD, s_decay=s_decay, **arguments)(params, lr=lr, momentum=0.7)


def mechanized_optax(optax, rate):
    return optax.contrib.mechanize(optax.sgd(rate, 0.7), s_init=0.5, weight_decay=0.1)


FAR = dict(s_decay=0.1, s_init=0.5, momentum=0.7)
PEERS = {
    "mechanic, mechanic-pytorch": Peer(
        "mechanic", FAR, torch_like(mechanized, s_decay=0.1, s_init=0.5)
    ),
}
DIFFERING = {  # it clips h, and begins with m and s at other values
    "mechanic, optax": Peer("mechanic", FAR, optax_like(mechanized_optax)),
}
