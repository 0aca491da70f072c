"""AggMo: equation 3 of Lucas et al. 2019, arXiv:1804.00325."""

import numpy as np

from tests.peers.deviations import po
from tests.peers.libraries import Peer, torch_like

CASES = (
    {"betas": (0.0, 0.6, 0.9)},
    {"betas": (0.7,)},
)
RATES = {"rosenbrock": 0.001, "beale": 0.005}


def aggmo(x, gradients, learning_rates, *, betas):
    velocities = [np.zeros_like(x) for _ in betas]
    for g, lr in zip(gradients, learning_rates):
        velocities = [beta * velocity - g for beta, velocity in zip(betas, velocities)]
        x = x + lr / len(betas) * sum(velocities)
        yield x


PEERS = {
    "aggmo, pytorch_optimizer": Peer(
        "aggmo", dict(betas=(0.0, 0.6, 0.9)), po("AggMo", betas=(0.0, 0.6, 0.9))
    ),
    "aggmo as sgd, torch": Peer(
        "aggmo", dict(betas=(0.7,)), torch_like("torch.optim.SGD", momentum=0.7)
    ),
}
