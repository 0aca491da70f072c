"""Adagrad, diagonal form: Duchi, Hazan & Singer 2011, JMLR 12:2121.

The paper: nothing accumulated at first, delta (epsilon) outside the root.
"""

import numpy as np

from tests.peers.libraries import Peer, keras_like, optax_like, torch_like
from tests.peers.settings import S

CASES = (
    {"initial_accumulator_value": 0.0, "epsilon": 1e-2, "epsilon_inside_sqrt": False},
    {"initial_accumulator_value": 0.3, "epsilon": 1e-2, "epsilon_inside_sqrt": True},
)
RATES = {"quadratic": 0.5, "rosenbrock": 0.5, "beale": 0.5}


def adagrad(
    x, gradients, learning_rates, *, initial_accumulator_value, epsilon, epsilon_inside_sqrt
):
    s = np.full_like(x, initial_accumulator_value)
    for g, lr in zip(gradients, learning_rates):
        s = s + g**2
        h = np.sqrt(s + epsilon) if epsilon_inside_sqrt else np.sqrt(s) + epsilon
        x = x - lr * g / h
        yield x


PEERS = {
    "adagrad, torch": Peer(
        "adagrad",
        dict(**S, epsilon_inside_sqrt=False),
        torch_like("torch.optim.Adagrad", initial_accumulator_value=0.2, eps=1e-2),
    ),
    "adagrad inside, optax": Peer(
        "adagrad",
        dict(**S, epsilon_inside_sqrt=True),
        optax_like(lambda o, lr: o.adagrad(lr, 0.2, eps=1e-2)),
    ),
    "adagrad inside, keras": Peer(
        "adagrad",
        dict(initial_accumulator_value=0.25, epsilon=1 / 64, epsilon_inside_sqrt=True),
        keras_like("keras.optimizers.Adagrad", initial_accumulator_value=0.25, epsilon=1 / 64),
    ),
}
