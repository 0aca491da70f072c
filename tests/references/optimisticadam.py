"""Optimistic Adam: Algorithm 1 of Daskalakis et al. 2018, arXiv:1711.00141, with the optimism of Mokhtari et al. 2020.

The direction before the first is the first, as in optax.
"""

import numpy as np

from tests.peers.libraries import Peer, optax_like
from tests.peers.settings import BE, OBE

CASES = ({"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-2, "optimism": 0.6},)


def optimisticadam(x, gradients, learning_rates, *, beta_1, beta_2, epsilon, optimism):
    m = v = np.zeros_like(x)
    last = None
    for t, (g, lr) in enumerate(zip(gradients, learning_rates), start=1):
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        direction = m / (1 - beta_1**t) / (np.sqrt(v / (1 - beta_2**t)) + epsilon)
        last = direction if last is None else last
        x = x - (1 + optimism) * lr * direction + optimism * lr * last
        last = direction
        yield x


PEERS = {
    "optimisticadam, optax": Peer(
        "optimisticadam",
        dict(**BE, optimism=0.6),
        optax_like(lambda o, lr: o.optimistic_adam_v2(lr, beta=0.6, nesterov=False, **OBE)),
    ),
    "optimisticadam v1, optax": Peer(  # its optimism is times the rate, which cannot change
        "optimisticadam",
        dict(**BE, optimism=0.6),
        optax_like(lambda o, lr: first_version(o)),
        constant_rate=True,
    ),
}
DIFFERING = {
    "optimisticadam default, optax": Peer(  # Nesterov's momentum, which is not in the paper
        "optimisticadam",
        dict(**BE, optimism=0.6),
        optax_like(lambda o, lr: o.optimistic_adam_v2(lr, beta=0.6, **OBE)),
    ),
}


def first_version(optax):
    """The deprecated function, at the rate of `constant_rate`."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return optax.optimistic_adam(1 / 16, 0.6 / 16, nesterov=False, **OBE)
