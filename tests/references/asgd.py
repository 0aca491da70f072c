"""ASGD: Polyak & Juditsky 1992, with the rates and the penalty of Xu 2011, arXiv:1107.2490 (section 2).

These are the weights that are trained; their mean is compared in tests/wrappers/test_averaging.py.
"""

from tests.peers.libraries import Peer, torch_like

CASES = (
    {"l2_regularization_strength": 0.3, "power": 0.6},
    {"l2_regularization_strength": 0.0, "power": 0.6, "start_step": 3},
)
RATES = {"quadratic": 1.0, "rosenbrock": 0.001, "beale": 0.01}


def asgd(x, gradients, learning_rates, *, l2_regularization_strength, power, start_step=1):
    for t, (g, lr) in enumerate(zip(gradients, learning_rates), start=1):
        rate = lr / (1 + l2_regularization_strength * lr * (t - 1)) ** power
        x = x - rate * (g + l2_regularization_strength * x)
        yield x


PEERS = {
    "asgd, torch": Peer(  # it computes the rate of a step at the end of the step before
        "asgd",
        dict(l2_regularization_strength=0.3, power=0.6),
        torch_like("torch.optim.ASGD", lambd=0.3, alpha=0.6, t0=3),
        constant_rate=True,
    ),
}
