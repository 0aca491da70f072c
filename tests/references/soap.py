"""SOAP: Vyas et al. 2024, arXiv:2409.11321, algorithm 3, with the first step of the authors' code.

The paper does not say which eigenvectors span a null space. Here they are those of diag(n, ..., 1)
within it; in later QRs a column that depends on those before keeps what is left of its direction.
"""

import importlib
import inspect

import numpy as np

from tests.peers.libraries import Peer, torch_like
from tests.peers.settings import BE, TB

CASES = (
    {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 0.1, "refresh_period": 10},
    {"beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-2, "refresh_period": 1, "block_size": 7},
)


def eigenbasis(a):
    """Eigenvectors from the largest eigenvalue on, the null space by another matrix."""
    n = len(a)
    values, vectors = np.linalg.eigh(a)
    null = vectors[:, values <= 1e-12 * values.max()]
    weights = np.diag(np.arange(n, 0, -1.0))
    within = np.linalg.eigh(null.T @ weights @ null)[1]
    return np.hstack([vectors[:, ::-1][:, : n - null.shape[1]], (null @ within)[:, ::-1]])


def iterated(a, basis):
    """One step of power iteration, column by column (Gram, Schmidt; twice for the precision)."""
    columns, size = [], np.abs(a).max() or 1.0
    for column, old in zip((a @ basis).T / size, basis.T, strict=True):
        for candidate in (column, old):
            rest = candidate
            for _ in range(2):
                for q in columns:
                    rest = rest - q * (q @ rest)
            if np.linalg.norm(rest) > 1e-12:
                break
        columns.append(rest / np.linalg.norm(rest))
    return np.array(columns).T


def cut(x, size):
    """The blocks of a matrix, of equal shapes, padded with zeros; and how to put them together."""
    lengths = [-(-n // -(-n // size)) for n in x.shape]
    counts = [-(-n // k) for n, k in zip(x.shape, lengths, strict=True)]
    padded = np.zeros([n * k for n, k in zip(counts, lengths, strict=True)])
    padded[: x.shape[0], : x.shape[1]] = x
    places = [
        (slice(i * lengths[0], (i + 1) * lengths[0]), slice(j * lengths[1], (j + 1) * lengths[1]))
        for i in range(counts[0])
        for j in range(counts[1])
    ]

    def together(pieces):
        whole = np.zeros_like(padded)
        for place, piece in zip(places, pieces, strict=True):
            whole[place] = piece
        return whole[: x.shape[0], : x.shape[1]]

    return [padded[place] for place in places], together


def by_blocks(x, gradients, size, rule):
    """Yield the directions of a kernel, each block of which has a rule of its own."""
    shape, rules = (-1, x.shape[-1]), None
    for g in gradients:
        pieces, together = cut(g.reshape(shape), size)
        rules = rules or [rule(piece.shape) for piece in pieces]
        steps = [each(piece) for each, piece in zip(rules, pieces, strict=True)]
        yield together(steps).reshape(g.shape)


def adam(beta_1, beta_2, epsilon):
    m = v = t = 0.0

    def step(g):
        nonlocal m, v, t
        t += 1
        m, v = beta_1 * m + (1 - beta_1) * g, beta_2 * v + (1 - beta_2) * g**2
        return m / (1 - beta_1**t) / (np.sqrt(v / (1 - beta_2**t)) + epsilon)

    return step


def block(beta_1, beta_2, epsilon, refresh_period):
    left = right = m = None
    v = a = b = t = 0.0

    def step(g):
        nonlocal left, right, m, v, a, b, t
        first, t, direction = left is None, t + 1, np.zeros_like(g)
        if not first:
            m = beta_1 * m + (1 - beta_1) * g  # in the basis of the weights
            v = beta_2 * v + (1 - beta_2) * (left.T @ g @ right) ** 2
            mean = left.T @ m @ right / (1 - beta_1 ** (t - 1))
            scaled = mean / (np.sqrt(v / (1 - beta_2 ** (t - 1))) + epsilon)
            direction = left @ scaled @ right.T
        a = beta_2 * a + (1 - beta_2) * g @ g.T
        b = beta_2 * b + (1 - beta_2) * g.T @ g
        if first:
            left, right, m, v = eigenbasis(a), eigenbasis(b), np.zeros_like(g), np.zeros_like(g)
        elif (t - 1) % refresh_period == 0:
            rows, columns = (order(c, q) for c, q in ((a, left), (b, right)))
            left, right, v = left[:, rows], right[:, columns], v[rows][:, columns]
            left, right = iterated(a, left), iterated(b, right)
        return direction

    return step


def order(a, basis):
    values = np.sum(basis * (a @ basis), axis=0)
    return np.argsort(-np.where(values > 1e-12 * values.max(), values, 0.0), kind="stable")


def soap(
    x, gradients, learning_rates, *, beta_1, beta_2, epsilon, refresh_period=10, block_size=1024
):
    if x.ndim < 2:
        first, *rest = gradients
        rule = adam(beta_1, beta_2, epsilon)
        steps = iter([np.zeros_like(first), *map(rule, rest)])
    else:
        steps = by_blocks(
            x, gradients, block_size, lambda shape: block(beta_1, beta_2, epsilon, refresh_period)
        )
    for step, lr in zip(steps, learning_rates, strict=False):
        x = x - lr * step
        yield x


def in_double_precision(name, adjust=None):
    """A class of pytorch_optimizer whose decompositions are not cast to float32."""

    def make(params, **arguments):
        module = importlib.import_module(f"pytorch_optimizer.optimizer.{name.lower()}")
        source = inspect.getsource(module)
        names = {"__name__": module.__name__}
        exec(source.replace("torch.float32", "torch.float64").replace(".float()", ""), names)
        optimizer, steps = names[name](params, **arguments), iter(range(10**9))
        if adjust:
            optimizer.register_step_pre_hook(lambda o, *_: adjust(o.param_groups[0], next(steps)))
        return optimizer

    return make


def epsilon_after_correction(group, t):
    """It adds epsilon before the bias correction, which does not count the first gradient."""
    group["eps"] = 1e-2 * np.sqrt(1 - group["betas"][1] ** max(t, 1))


PEERS = {
    # With the first gradient of a kernel that is not square, the library chooses the null space.
    "soap, pytorch_optimizer": Peer(
        "soap",
        dict(**BE, refresh_period=3),
        torch_like(
            in_double_precision("SOAP", epsilon_after_correction),
            **TB,
            precondition_frequency=3,
            weight_decay=0.0,
        ),
        shapes=((), (3,), (4, 4), (7, 7)),
    ),
}
DIFFERING = {
    "soap, pytorch_optimizer, other null space": Peer(
        "soap",
        dict(**BE, refresh_period=3),
        torch_like(
            in_double_precision("SOAP", epsilon_after_correction),
            **TB,
            precondition_frequency=3,
            weight_decay=0.0,
        ),
        shapes=((6, 4), (4, 6)),
    ),
}
