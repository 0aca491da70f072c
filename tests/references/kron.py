"""Kron, which is PSGD with Kronecker factors: Li 2018, arXiv:1512.04202; Pooladzandi, Li 2024,
arXiv:2402.04553. Momentum, bound and defaults are those of evanatyourservice/kron_torch.

There, Q moves by triu(A A^T - B B^T) with A = Q m and B = Q^-T v for normal noise v. Here B B^T is
replaced by its expectation. The factors begin at the scale of the first gradient.
"""

import numpy as np

from tests.references.soap import by_blocks

CASES = (
    {"beta": 0.8, "factor_rate": 0.2, "clip_threshold": 0.7, "dense_steps": 3, "refresh_period": 4},
    {"beta": 0.0, "dense_steps": 100, "clip_threshold": 5.0, "block_size": 7},
)


def top_eigenvalue(a):
    row = a[np.argmax(np.sum(a**2, axis=1))]
    return np.linalg.norm(row @ a) / np.linalg.norm(row)


def rule(shape, beta, factor_rate, dense_steps, refresh_period):
    """The step before its bound; a scalar or vector has one factor, on the diagonal."""
    n = int(np.prod(shape))
    m, t, q, p = np.zeros(shape), 0, np.eye(shape[0]) if len(shape) else np.eye(1), np.eye(1)
    if len(shape) == 2:
        p = np.eye(shape[1])

    def step(g):
        nonlocal m, t, q, p
        t += 1
        m = beta * m + (1 - beta) * g
        mean = m / (1 - beta**t)
        if t == 1:
            size = (np.linalg.norm(mean) / np.sqrt(n)) ** (-0.25 if len(shape) == 2 else -0.5)
            q, p = size * q, size * p if len(shape) == 2 else p
        if len(shape) < 2:
            mean = np.diag(np.ravel(mean))
        if t <= dense_steps or t % refresh_period == 0:
            if len(shape) == 2:
                a = q @ mean @ p.T
                noise = np.linalg.inv(q), np.linalg.inv(p)
                left, right = a @ a.T, a.T @ a
                one = np.sum(noise[1] ** 2) * noise[0].T @ noise[0]
                other = np.sum(noise[0] ** 2) * noise[1].T @ noise[1]
                q = q - factor_rate * np.triu(left - one) / top_eigenvalue(left + one) @ q
                p = p - factor_rate * np.triu(right - other) / top_eigenvalue(right + other) @ p
            else:
                a, b = (q @ mean) ** 2, np.diag(1 / np.diag(q) ** 2)
                q = q - factor_rate * (a - b) / np.max(a + b) @ q
        if len(shape) == 2:
            return q.T @ q @ mean @ p.T @ p
        return np.reshape(np.diag(q.T @ q @ mean), shape)

    return step


def kron(
    x, gradients, learning_rates, *, beta=0.9, factor_rate=0.1, clip_threshold=1.1, dense_steps=500,
    refresh_period=10, block_size=1024,
):  # fmt: skip
    arguments = (beta, factor_rate, dense_steps, refresh_period)
    if x.ndim < 2:
        steps = map(rule(x.shape, *arguments), gradients)
    else:
        steps = by_blocks(x, gradients, block_size, lambda shape: rule(shape, *arguments))
    for step, lr in zip(steps, learning_rates, strict=False):
        bound = min(clip_threshold / (np.sqrt(np.mean(step**2)) + 1e-6), 1.0)
        x = x - lr * bound * step
        yield x
