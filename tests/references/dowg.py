"""DoWG: algorithm 1 of Khaled, Mishchenko, Jin 2023, arXiv:2305.16284, with L2 regularisation as in optax."""

import numpy as np

from tests.peers.libraries import Peer, optax_like, torch_like

WHOLE = True
RATES = {"quadratic": 1.0, "rosenbrock": 1.0, "beale": 1.0}
CASES = ({"epsilon": 1e-2, "weight_decay": 0.3}, {"epsilon": 0.1, "weight_decay": 0.0})


def dowg(x, gradients, learning_rates, *, epsilon, weight_decay=0.0):
    start, square, v = np.copy(x), epsilon, 0.0
    for g, lr in zip(gradients, learning_rates):
        g = g + weight_decay * x
        square = max(square, np.sum((x - start) ** 2))
        v += square * np.sum(g**2)
        x = x - lr * square / (np.sqrt(v) + epsilon) * g
        yield x


def without_rate(params, lr, **arguments):
    """dowgopt has no rate: multiply each change by that of the reference."""
    from dowg import DoWG

    class Scaled(DoWG):
        def step(self):
            [p] = self.param_groups[0]["params"]
            before = p.detach().clone()
            super().step()
            p.data.copy_(before + self.param_groups[0]["lr"] * (p.detach() - before))

    optimizer = Scaled(params, **arguments)
    optimizer.param_groups[0]["lr"] = lr
    return optimizer


PEERS = {
    "dowg, dowgopt": Peer(
        "dowg",
        dict(epsilon=1e-2),
        torch_like(without_rate, eps=1e-2),
        shapes=((3,), (4, 3), (2, 2, 2, 3)),  # it has no scalars
    ),
    "dowg, optax": Peer(
        "dowg",
        dict(epsilon=1e-2, weight_decay=0.3),
        optax_like(lambda o, lr: o.contrib.dowg(lr, eps=1e-2, weight_decay=0.3)),
    ),
}
