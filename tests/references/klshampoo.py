"""KL-Shampoo: Lin et al. 2025, arXiv:2509.03378, with start, floor and first step of the authors' code.

The basis of a null space is that of the reference of SOAP. Vectors are stepped by Adam.
"""

import numpy as np

from tests.references.soap import adam, by_blocks, eigenbasis, iterated

CASES = (
    {"beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-2, "refresh_period": 10},
    {
        "beta_1": 0.8,
        "beta_2": 0.95,
        "epsilon": 1e-2,
        "refresh_period": 3,
        "initial_eigenvalue": 0.5,
        "block_size": 7,
    },
)


def block(beta_1, beta_2, epsilon, initial_eigenvalue, refresh_period):
    left, right = None, None
    m = a = b = t = 0.0

    def step(g):
        nonlocal left, right, m, a, b, t
        t += 1
        rows, columns = g.shape
        if left is None:
            a, b = (1 - beta_2) * g @ g.T / columns, (1 - beta_2) * g.T @ g / rows
            left, right = ((eigenbasis(c), np.full(len(c), initial_eigenvalue)) for c in (a, b))
            m = np.zeros_like(g)
            return m
        (q, d), (p, e) = left, right
        m = beta_1 * m + (1 - beta_1) * g
        direction = q @ ((q.T @ m @ p) / (np.sqrt(np.outer(d, e)) + epsilon)) @ p.T
        a = beta_2 * a + (1 - beta_2) * g @ (p / e) @ p.T @ g.T / columns
        b = beta_2 * b + (1 - beta_2) * g.T @ (q / d) @ q.T @ g / rows
        inside = (q.T @ g @ p) ** 2
        d, e = (
            np.maximum(beta_2 * old + (1 - beta_2) * square, max(10, min(len(old), 4000)) ** -2.0)
            for old, square in (
                (d, np.mean(inside / e, axis=1)),
                (e, np.mean(inside.T / d, axis=1)),
            )
        )
        if (t - 1) % refresh_period == 0:
            q, p = iterated(a, q), iterated(b, p)
        left, right = (q, d), (p, e)
        return direction

    return step


def klshampoo(
    x, gradients, learning_rates, *, beta_1, beta_2, epsilon, initial_eigenvalue=0.1,
    refresh_period=10, block_size=1024,
):  # fmt: skip
    if x.ndim < 2:
        steps = map(adam(beta_1, beta_2, epsilon), gradients)
    else:
        arguments = (beta_1, beta_2, epsilon, initial_eigenvalue, refresh_period)
        steps = by_blocks(x, gradients, block_size, lambda shape: block(*arguments))
    for step, lr in zip(steps, learning_rates, strict=False):
        x = x - lr * step
        yield x
