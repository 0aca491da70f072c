"""Optimistic gradient descent: equation (3) of Daskalakis et al. 2018, arXiv:1711.00141; generalised as in Mokhtari et al. 2020, arXiv:1901.08511.

The gradient before the first is the first, as in optax.
"""

from tests.peers.libraries import Peer, optax_like

CASES = ({"optimism": 0.6},)
RATES = {"quadratic": 0.5, "rosenbrock": 0.001, "beale": 0.01}


def optimisticgradientdescent(x, gradients, learning_rates, *, optimism):
    last = gradients[0]
    for g, lr in zip(gradients, learning_rates):
        x = x - (1 + optimism) * lr * g + optimism * lr * last
        last = g
        yield x


PEERS = {
    "optimisticgradientdescent, optax": Peer(
        "optimisticgradientdescent",
        dict(optimism=0.6),
        optax_like(lambda o, lr: o.optimistic_gradient_descent(lr, beta=0.6)),
    ),
    "optimisticgradientdescent alpha, optax": Peer(
        "optimisticgradientdescent",
        dict(optimism=0.75),
        optax_like(
            lambda o, lr: o.optimistic_gradient_descent(
                lambda count: lr(count) / 2.0, alpha=2.0, beta=1.5
            )
        ),
    ),
}
