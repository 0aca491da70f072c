"""Shampoo: Gupta, Koren, Singer 2018 (algorithm 1), and what Shi et al. 2023 put around it: means
in place of sums, momentum of the gradient, the length of another rule's step, blocks.

The second case begins with statistics of less than full rank. Its epsilon is large, because single
precision knows an eigenvalue up to 1e-7 of the largest.
"""

import numpy as np

from tests.peers.deviations import po
from tests.peers.libraries import Peer

CASES = (
    {
        "beta_1": 0.0,
        "beta_2": 1.0,
        "epsilon": 1e-2,
        "grafting": None,
        "refresh_period": 1,
        "start_step": 1,
    },
    {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1.0, "refresh_period": 3, "start_step": 4},
    {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-2, "grafting": "sgd", "block_size": 3},
    {"beta_1": 0.8, "beta_2": 1.0, "epsilon": 1e-2, "refresh_period": 2, "block_size": 7},
)


def power(a, exponent, epsilon):
    values, vectors = np.linalg.eigh(a + epsilon * np.eye(len(a)))
    return (vectors * values**exponent) @ vectors.T


def pieces(rows, columns, size):
    """Slices of equal length, but for the last."""
    for n in (rows, columns):
        count = -(-n // size)
        step = -(-n // count)
        yield [slice(i, min(i + step, n)) for i in range(0, n, step)]


def shampoo(
    x, gradients, learning_rates, *, beta_1, beta_2, epsilon, grafting="adam", refresh_period=10,
    start_step=10, block_size=1024,
):  # fmt: skip
    new = 1.0 if beta_2 == 1.0 else 1.0 - beta_2
    m, v, x, state = np.zeros_like(x), np.zeros_like(x), np.copy(x), {}
    for t, (g, lr) in enumerate(zip(gradients, learning_rates, strict=False), start=1):
        correction = 1.0 if beta_2 == 1.0 else 1.0 - beta_2**t
        m, v = beta_1 * m + (1 - beta_1) * g, beta_2 * v + new * g**2
        mean = m / (1 - beta_1**t)
        graft = mean / (np.sqrt(v / correction) + epsilon) if grafting == "adam" else mean
        if g.ndim < 2:
            x = x - lr * graft
            yield x
            continue
        shape = (-1, g.shape[-1])
        matrix, means, grafts = g.reshape(shape), mean.reshape(shape), graft.reshape(shape)
        step = np.zeros_like(matrix)
        down, across = pieces(*matrix.shape, block_size)
        for place in [(a, b) for a in down for b in across]:
            block = matrix[place]
            kept = state.setdefault(str(place), [0.0, 0.0, None, None])
            kept[0] = beta_2 * kept[0] + new * block @ block.T
            kept[1] = beta_2 * kept[1] + new * block.T @ block
            if t >= start_step and (t - start_step) % refresh_period == 0:
                kept[2:] = [power(a / correction, -1 / 4, epsilon) for a in kept[:2]]
            if t < start_step:
                continue
            step[place] = kept[2] @ means[place] @ kept[3]
            if grafting:
                ratio = np.linalg.norm(grafts[place]) / (np.linalg.norm(step[place]) + 1e-16)
                step[place] *= ratio
        x = x - lr * (graft if t < start_step else step.reshape(g.shape))
        yield x


PEERS = {
    "shampoo, pytorch_optimizer": Peer(  # it whitens vectors as well, and each axis of a tensor
        "shampoo",
        CASES[0],
        po("Shampoo", matrix_eps=1e-2),
        shapes=((4, 3), (3, 5), (5, 5)),
    ),
}
