"""AdaMod: Algorithm 1 of Ding et al. 2019, arXiv:1910.12249."""

import numpy as np

from tests.peers.deviations import adamod_adjust, adjusted
from tests.peers.libraries import Peer, torch_like
from tests.peers.settings import BE, TBE

CASES = ({"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-2, "beta_3": 0.9},)
RATES = {"quadratic": 1.0, "rosenbrock": 0.5, "beale": 0.5}  # its rates grow over a thousand steps


def adamod(x, gradients, learning_rates, *, beta_1, beta_2, beta_3, epsilon):
    m = v = s = np.zeros_like(x)
    for t, (g, lr) in enumerate(zip(gradients, learning_rates), start=1):
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        m_hat = m / (1 - beta_1**t)
        v_hat = v / (1 - beta_2**t)
        rate = lr / (np.sqrt(v_hat) + epsilon)
        s = beta_3 * s + (1 - beta_3) * rate
        x = x - np.minimum(rate, s) * m_hat
        yield x


PEERS = {
    "adamod, pytorch_optimizer": Peer(
        "adamod",
        dict(**BE, beta_3=0.9),
        torch_like(
            adjusted("pytorch_optimizer.AdaMod", adamod_adjust),
            betas=(0.8, 0.95, 0.9),
            eps=1e-2,
            adam_debias=True,
        ),
    ),
    "adamod as adam, torch": Peer(
        "adamod", dict(**BE, beta_3=0.0), torch_like("torch.optim.Adam", **TBE)
    ),
}
