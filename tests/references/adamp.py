"""AdamP: Algorithm 2 of Heo et al. 2021, arXiv:2006.08217, with the views and the decay of the authors' code.

Projected weights, which are scale-invariant, decay by wd_ratio less. Kernels have their outputs on the last axis.
"""

import numpy as np

from tests.peers.deviations import adamp_adjust, adjusted, outputs_first
from tests.peers.libraries import Peer, torch_like
from tests.peers.settings import BE, PROJECTION, TBE

CASES = (
    {
        "beta_1": 0.8,
        "beta_2": 0.95,
        "epsilon": 1e-2,
        "delta": 0.7,
        "wd_ratio": 0.3,
        "weight_decay": 0.1,
        "nesterov": False,
    },
    {
        "beta_1": 0.8,
        "beta_2": 0.95,
        "epsilon": 1e-2,
        "delta": 2.0,
        "wd_ratio": 0.3,
        "weight_decay": 0.1,
        "nesterov": True,
    },
)


def adamp(
    x,
    gradients,
    learning_rates,
    *,
    beta_1,
    beta_2,
    epsilon,
    delta,
    wd_ratio,
    weight_decay,
    nesterov,
):
    m = v = np.zeros_like(x)
    for t, (g, lr) in enumerate(zip(gradients, learning_rates), start=1):
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        momentum = beta_1 * m + (1 - beta_1) * g if nesterov else m
        m_hat = momentum / (1 - beta_1**t)
        v_hat = v / (1 - beta_2**t)
        p, projected = project(x, g, m_hat / (np.sqrt(v_hat) + epsilon), delta, epsilon)
        x = x - lr * weight_decay * (wd_ratio if projected else 1) * x - lr * p
        yield x


def project(x, g, step, delta, epsilon):
    """Without its radial part, if x looks scale-invariant: output by output, else as a whole; and whether it did."""
    if x.ndim < 2:
        return step, False
    for axes in (tuple(range(x.ndim - 1)), tuple(range(x.ndim))):

        def dot(a, b, axes=axes):
            return np.sum(a * b, axis=axes, keepdims=True)

        x_norm, g_norm = np.sqrt(dot(x, x)), np.sqrt(dot(g, g))
        cosine = np.abs(dot(x, g)) / (np.maximum(x_norm, epsilon) * np.maximum(g_norm, epsilon))
        if cosine.max() < delta / np.sqrt(x.size / x_norm.size):
            unit = x / (x_norm + epsilon)
            return step - dot(unit, step) * unit, True
    return step, False


PEERS = {
    "adamp, pytorch_optimizer": Peer(
        "adamp",
        dict(**BE, **PROJECTION, nesterov=False),
        outputs_first(
            torch_like(adjusted("pytorch_optimizer.AdamP", adamp_adjust), **TBE, **PROJECTION)
        ),
    ),
    "adamp nesterov, pytorch_optimizer": Peer(
        "adamp",
        dict(**BE, **PROJECTION, nesterov=True),
        outputs_first(
            torch_like(
                adjusted("pytorch_optimizer.AdamP", adamp_adjust),
                nesterov=True,
                **TBE,
                **PROJECTION,
            )
        ),
    ),
}
