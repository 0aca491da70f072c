"""DoG: equations 1 and 2 of Ivgi, Hinder, Carmon 2023, arXiv:2302.12022, with L2 regularisation as in the authors' code."""

import numpy as np

from tests.peers.libraries import Peer, optax_like, torch_like

WHOLE = True
RATES = {"quadratic": 3.0, "rosenbrock": 1.0, "beale": 1.0}
CASES = (
    {"reps_rel": 0.05, "epsilon": 0.1, "weight_decay": 0.3},
    {"reps_rel": 0.01, "epsilon": 0.1, "weight_decay": 0.0, "gamma": None},
)


def dog(x, gradients, learning_rates, *, reps_rel, epsilon, weight_decay, gamma=8):
    start, distance, squares = np.copy(x), reps_rel * (1 + np.sqrt(np.sum(x**2))), 0.0
    for g, lr in zip(gradients, learning_rates):
        g = g + weight_decay * x
        distance = max(distance, np.sqrt(np.sum((x - start) ** 2)))
        squares += np.sum(g**2)
        x = x - lr * distance / np.sqrt(squares + epsilon) * g
        yield x


FAR = dict(reps_rel=0.05, epsilon=0.1, weight_decay=0.3)
PEERS = {
    "dog, dog-optimizer": Peer(
        "dog", FAR, torch_like("dog.DoG", reps_rel=0.05, eps=0.1, weight_decay=0.3)
    ),
    "dog, optax": Peer(
        "dog",
        FAR,
        optax_like(lambda o, lr: o.contrib.dog(lr, ("heuristic", 0.05), eps=0.1, weight_decay=0.3)),
    ),
}
