"""AccSGD: Algorithm 3 of Kidambi et al. 2018, arXiv:1803.05591 (method: Jain et al. 2018, arXiv:1704.08227)."""

from tests.peers.deviations import po
from tests.peers.libraries import Peer

CASES = ({"kappa": 30.0, "xi": 4.0, "small_constant": 0.6},)
RATES = {"rosenbrock": 0.001}  # as SGD with momentum


def accsgd(x, gradients, learning_rates, *, kappa, xi, small_constant):
    average = x
    alpha = 1 - small_constant**2 * xi / kappa
    for g, lr in zip(gradients, learning_rates):
        long_step = kappa * lr / small_constant
        average = alpha * average + (1 - alpha) * (x - long_step * g)
        x = (small_constant * (x - lr * g) + (1 - alpha) * average) / (small_constant + 1 - alpha)
        yield x


PEERS = {
    "accsgd, pytorch_optimizer": Peer(
        "accsgd",
        dict(kappa=30.0, xi=4.0, small_constant=0.6),
        po("AccSGD", kappa=30.0, xi=4.0, constant=0.6),
    ),
}
