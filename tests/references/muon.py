"""Muon: Jordan et al. 2024, with the scale of Liu et al. 2025, arXiv:2502.16982; AdamW for vectors.

Kernels have their outputs on the last axis. All other axes are rows of one matrix.
"""

import numpy as np

from tests.peers.deviations import in_double, outputs_first, po_muon
from tests.peers.libraries import Peer, keras_like, optax_like, torch_like

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


JORDAN = (3.4445, -4.7750, 2.0315)
QUINTIC = (
    (4.0848, -6.8946, 2.9270),
    (3.9505, -6.3029, 2.6377),
    (3.7418, -5.5913, 2.3037),
    (2.8769, -3.1427, 1.2046),
    (2.8366, -3.0525, 1.2012),
)


def newton_schulz(u, steps, epsilon, polynomials="jordan"):
    x = u / (np.linalg.norm(u) + epsilon)
    for a, b, c in QUINTIC if polynomials == "quintic" else [JORDAN] * steps:
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
    adjust_lr="match_rms_adamw", ns_steps=5, ns_coefficients="jordan", ns_epsilon=1e-7, **_,
):  # fmt: skip
    for u, lr in zip(momenta(gradients, momentum, nesterov), learning_rates):
        rows, columns = u.T.shape  # outputs, inputs, as the authors count
        scale = 0.2 * np.sqrt(max(rows, columns))
        if adjust_lr == "original":
            scale = np.sqrt(max(1, rows / columns))
        o = newton_schulz(u, ns_steps, ns_epsilon, ns_coefficients)
        x = (1 - lr * weight_decay) * x - lr * scale * o.reshape(x.shape)
        yield x


OWN = dict(momentum=0.8, weight_decay=0.25, output_layer=None)
EXACT = dict(**OWN, ns_epsilon=1e-30)  # they raise the norm to 1e-7 at least
ORIGINAL = dict(**EXACT, adjust_lr="original")
TORCH = dict(momentum=0.8, weight_decay=0.25)
MATRICES = ((4, 3), (3, 4), (5, 5))


def torch_muon(**arguments):
    return in_double(outputs_first(torch_like("torch.optim.Muon", **TORCH, **arguments)))


PEERS = {
    "muon, torch": Peer("muon", EXACT, torch_muon(adjust_lr_fn="match_rms_adamw"), shapes=MATRICES),
    "muon original, torch": Peer("muon", ORIGINAL, torch_muon(), shapes=MATRICES),
    "muon, pytorch_optimizer": Peer(
        "muon",
        dict(**ORIGINAL, adam_beta_1=0.8, adam_beta_2=0.95, epsilon=1e-2),
        po_muon("Muon", **TORCH, adamw_betas=(0.8, 0.95), adamw_eps=1e-2, adamw_wd=0.25),
    ),
    "muon quintic, pytorch_optimizer": Peer(
        "muon",
        dict(**EXACT, nesterov=False, ns_coefficients="quintic"),
        po_muon("Muon", **TORCH, nesterov=False, ns_coeffs="quintic", use_adjusted_lr=True),
        shapes=MATRICES,
    ),
    # Its sum of gradients is 1 / (1 - momentum) of the mean.
    "muon, keras": Peer(
        "muon",
        dict(momentum=0.75, weight_decay=0.25, output_layer=None, ns_epsilon=0.25e-7),
        keras_like("keras.optimizers.Muon", momentum=0.75, weight_decay=0.25),
        shapes=MATRICES,
        bar=1e-7,  # `keras.ops.norm` is float32 on JAX
    ),
    "muon, optax": Peer(  # its other rules differ, see below
        "muon",
        dict(**EXACT, nesterov=False),
        optax_like(
            lambda o, lr: o.contrib.muon(
                lr, beta=0.8, eps=1e-30, weight_decay=0.25, nesterov=False, consistent_rms=0.2
            )
        ),
        shapes=MATRICES,
    ),
}
DIFFERING = {
    "muon Nesterov, optax": Peer(  # it corrects the bias of both terms of Nesterov's momentum
        "muon",
        EXACT,
        optax_like(
            lambda o, lr: o.contrib.muon(
                lr, beta=0.8, eps=1e-30, weight_decay=0.25, consistent_rms=0.2
            )
        ),
        shapes=MATRICES,
    ),
}
