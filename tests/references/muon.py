"""Muon: Jordan et al. 2024, with the scale of Liu et al. 2025, arXiv:2502.16982; AdamW for vectors.

Kernels have their outputs on the last axis. All other axes are rows of one matrix.
"""

import numpy as np

CASES = (
    {"output_layer": None, "ns_epsilon": 1e-2, "epsilon": 1e-2},
    {
        "momentum": 0.8,
        "nesterov": False,
        "weight_decay": 0.2,
        "adjust_lr": "original",
        "ns_steps": 3,
        "ns_epsilon": 1e-2,
        "adam_lr_ratio": 0.5,
        "adam_beta_1": 0.8,
        "adam_beta_2": 0.95,
        "adam_weight_decay": 0.3,
        "epsilon": 1e-2,
        "exclude": "x2",
        "output_layer": None,
    },
)


def newton_schulz(u, steps, epsilon, a=3.4445, b=-4.7750, c=2.0315):
    x = u / (np.linalg.norm(u) + epsilon)
    for _ in range(steps):
        x = a * x + b * (x @ x.T) @ x + c * (x @ x.T) @ (x @ x.T) @ x
    return x


def adamw(x, gradients, rates, *, beta_1, beta_2, epsilon, weight_decay):
    m = v = np.zeros_like(x)
    for t, (g, lr) in enumerate(zip(gradients, rates), start=1):
        m, v = beta_1 * m + (1 - beta_1) * g, beta_2 * v + (1 - beta_2) * g**2
        step = m / (1 - beta_1**t) / (np.sqrt(v / (1 - beta_2**t)) + epsilon)
        x = x - lr * weight_decay * x - lr * step
        yield x


def others(
    x, gradients, learning_rates, *, weight_decay=0.1, adam_lr_ratio=1.0, adam_beta_1=0.9,
    adam_beta_2=0.999, adam_weight_decay=None, epsilon=1e-8, **_,
):  # fmt: skip
    """The AdamW of the whole family."""
    yield from adamw(
        x,
        gradients,
        [adam_lr_ratio * lr for lr in learning_rates],
        beta_1=adam_beta_1,
        beta_2=adam_beta_2,
        epsilon=epsilon,
        weight_decay=weight_decay if adam_weight_decay is None else adam_weight_decay,
    )


def hidden(x, exclude=None, **_):
    """Whether it is a matrix; the pattern "x2" stands for that of two axes."""
    return x.ndim > 2 or (x.ndim == 2 and exclude != "x2")


def momenta(gradients, momentum, nesterov):
    """As matrices."""
    m = 0.0
    for g in gradients:
        g = g.reshape(-1, g.shape[-1])
        m = momentum * m + (1 - momentum) * g
        yield momentum * m + (1 - momentum) * g if nesterov else m


def muon(x, gradients, learning_rates, **options):
    """Take AdamW where it is no hidden matrix."""
    rule = matrix if hidden(x, **options) else others
    yield from rule(x, gradients, learning_rates, **options)


def matrix(
    x, gradients, learning_rates, *, momentum=0.95, nesterov=True, weight_decay=0.1,
    adjust_lr="match_rms_adamw", ns_steps=5, ns_epsilon=1e-7, **_,
):  # fmt: skip
    for u, lr in zip(momenta(gradients, momentum, nesterov), learning_rates):
        rows, columns = u.T.shape  # outputs, inputs, as the authors count
        scale = 0.2 * np.sqrt(max(rows, columns))
        if adjust_lr == "original":
            scale = np.sqrt(max(1, rows / columns))
        o = newton_schulz(u, ns_steps, ns_epsilon)
        x = (1 - lr * weight_decay) * x - lr * scale * o.reshape(x.shape)
        yield x
