"""Adafactor: Algorithms 4 and 5 of Shazeer & Stern 2018, arXiv:1804.04235, with the parameters of Algorithm 6.

The relative step is min(lr, 1 / sqrt(t)), with lr = 0.01 the paper's. Tensors are factored over their last two axes.
"""

import numpy as np

from tests.peers.deviations import optax_adafactor, po
from tests.peers.libraries import Peer, optax_like, torch_like
from tests.peers.settings import ADAFACTOR, TINY_ADAFACTOR

_CASE = {"beta_2_decay": -0.7, "epsilon_1": 1e-2, "epsilon_2": 0.5, "clip_threshold": 0.7}
CASES = tuple(
    {**_CASE, "relative_step": relative, "scale_parameter": scale}
    for relative in (True, False)
    for scale in (True, False)
)


def adafactor(
    x,
    gradients,
    learning_rates,
    *,
    beta_2_decay,
    epsilon_1,
    epsilon_2,
    clip_threshold,
    relative_step,
    scale_parameter,
):
    def rms(tensor):
        return np.sqrt(np.mean(tensor**2))

    v = row = column = 0.0
    for t, (g, lr) in enumerate(zip(gradients, learning_rates), start=1):
        rho = min(lr, 1 / np.sqrt(t)) if relative_step else lr
        alpha = max(epsilon_2, rms(x)) * rho if scale_parameter else rho
        beta_2 = 1 - t**beta_2_decay
        squares = g**2 + epsilon_1
        if x.ndim >= 2:
            row = beta_2 * row + (1 - beta_2) * squares.sum(-1, keepdims=True)
            column = beta_2 * column + (1 - beta_2) * squares.sum(-2, keepdims=True)
            v = row * column / row.sum(-2, keepdims=True)
        else:
            v = beta_2 * v + (1 - beta_2) * squares
        u = g / np.sqrt(v)
        x = x - alpha * u / max(1, rms(u) / clip_threshold)
        yield x


PEERS = {
    "adafactor, torch": Peer(
        "adafactor",
        dict(**TINY_ADAFACTOR, relative_step=True, scale_parameter=True),
        torch_like("torch.optim.Adafactor", beta2_decay=-0.7, eps=(1e-30, 0.5), d=1.1),
    ),
    "adafactor, optax": Peer(  # it factors the two longest axes
        "adafactor",
        dict(**ADAFACTOR, relative_step=False, scale_parameter=False),
        optax_like(optax_adafactor),
        shapes=((), (5,), (4, 3), (1, 2, 3, 4)),
    ),
    "adafactor, pytorch_optimizer": Peer(
        "adafactor",
        dict(**ADAFACTOR, relative_step=False, scale_parameter=True),
        po(
            "AdaFactor",
            betas=(None, 1.0 - 1e-9),
            decay_rate=-0.7,
            clip_threshold=0.7,
            eps1=1e-2,
            eps2=0.5,
            relative_step=False,
        ),
    ),
}
