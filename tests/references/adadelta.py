"""Adadelta: Algorithm 1 of Zeiler 2012, arXiv:1212.5701, whose learning rate is 1."""

import numpy as np

from tests.peers.libraries import Peer, keras_like, optax_like, torch_like

CASES = ({"rho": 0.8, "epsilon": 1e-2},)
RATES = {
    "quadratic": 10.0,
    "rosenbrock": 3.0,
    "beale": 3.0,
}  # a factor of its own steps, which begin at 0.004


def adadelta(x, gradients, learning_rates, *, rho, epsilon):
    v = d = np.zeros_like(x)
    for g, lr in zip(gradients, learning_rates):
        v = rho * v + (1 - rho) * g**2
        step = np.sqrt(d + epsilon) / np.sqrt(v + epsilon) * g
        d = rho * d + (1 - rho) * step**2
        x = x - lr * step
        yield x


PEERS = {
    "adadelta, torch": Peer(
        "adadelta",
        dict(rho=0.8, epsilon=1e-2),
        torch_like("torch.optim.Adadelta", rho=0.8, eps=1e-2),
    ),
    "adadelta, optax": Peer(
        "adadelta",
        dict(rho=0.8, epsilon=1e-2),
        optax_like(lambda o, lr: o.adadelta(lr, rho=0.8, eps=1e-2)),
    ),
    "adadelta, keras": Peer(
        "adadelta",
        dict(rho=0.75, epsilon=1 / 64),
        keras_like("keras.optimizers.Adadelta", rho=0.75, epsilon=1 / 64),
    ),
}
