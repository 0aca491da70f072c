"""Adam-mini: Algorithm 1 of Zhang et al. 2025, arXiv:2406.16793. The blocks of a variable are given.

The partition by paths is tried in `tests/algorithms/test_adammini.py`.
"""

import numpy as np

from tests.peers.libraries import Peer, torch_like
from tests.peers.settings import BE

CASES = (
    {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-2},
    {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-2, "blocks": {".": "column"}},
    {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-2, "blocks": {".": "row"}},
    {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-2, "blocks": {".": "head"}},
    {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-2, "blocks": {".": "weight"}},
)


def adammini(x, gradients, learning_rates, *, beta_1, beta_2, epsilon, blocks=None):
    kind = blocks["."] if blocks else "tensor"
    own = {"column": -1, "row": 0, "head": -2}  # the axis that numbers the blocks
    m = np.zeros_like(x)
    v = 0.0
    for t, (g, lr) in enumerate(zip(gradients, learning_rates), start=1):
        square = g**2
        if kind == "tensor":
            square = np.mean(square)
        elif kind != "weight" and x.ndim > 1:
            others = tuple(set(range(x.ndim)) - {own[kind] % x.ndim})
            square = np.mean(square, axis=others, keepdims=True)
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * square
        x = x - lr * m / (1 - beta_1**t) / (np.sqrt(v / (1 - beta_2**t)) + epsilon)
        yield x


def official(name, there, back):
    """The authors' optimizer for a variable of that name, in PyTorch's layout."""

    def make(params, **arguments):
        import adam_mini

        return adam_mini.Adam_mini(
            [(name, params[0])], betas=(0.8, 0.95), eps=1e-2, weight_decay=0.1, dim=6, n_heads=3,
            verbose=False, **arguments,
        )  # fmt: skip

    def run(x, gradients, learning_rates):
        xs = torch_like(make)(there(x), [there(g) for g in gradients], learning_rates)
        return [back(x) for x in xs]

    return run


def peer(kind, name, shape, there, back):
    blocks = {"blocks": {".": kind}} if kind else {}
    run = official(name, there, back)
    return Peer("adammini", dict(**BE, weight_decay=0.1, **blocks), run, shapes=(shape,))


def transposed(x):
    return x.T.copy()


PEERS = {
    "adammini of a matrix, adam-mini": peer("column", "mlp.weight", (4, 3), transposed, transposed),
    "adammini of an embedding, adam-mini": peer("row", "embed.weight", (4, 3), np.copy, np.copy),
    "adammini of heads, adam-mini": peer(
        "head",
        "q_proj.weight",
        (6, 3, 2),
        lambda x: transposed(x.reshape(6, 6)),
        lambda x: x.T.reshape(6, 3, 2).copy(),
    ),
    "adammini of others, adam-mini": peer(None, "conv.weight", (2, 4, 3), np.copy, np.copy),
}
