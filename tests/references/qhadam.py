"""QHAdam: section 4.3 of Ma & Yarats 2019, arXiv:1810.06801."""

import numpy as np

from tests.peers.deviations import adjusted, qhadam_adjust
from tests.peers.libraries import Peer, torch_like
from tests.peers.settings import BE, TBE

CASES = ({"beta_1": 0.8, "beta_2": 0.95, "nu_1": 0.6, "nu_2": 0.8, "epsilon": 1e-2},)


def qhadam(x, gradients, learning_rates, *, beta_1, beta_2, nu_1, nu_2, epsilon):
    m = v = np.zeros_like(x)
    for t, (g, lr) in enumerate(zip(gradients, learning_rates), start=1):
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        m_hat = m / (1 - beta_1**t)
        v_hat = v / (1 - beta_2**t)
        x = x - lr * ((1 - nu_1) * g + nu_1 * m_hat) / (
            np.sqrt((1 - nu_2) * g**2 + nu_2 * v_hat) + epsilon
        )
        yield x


PEERS = {
    "qhadam, pytorch_optimizer": Peer(
        "qhadam",
        dict(**BE, nu_1=0.6, nu_2=0.8),
        torch_like(adjusted("pytorch_optimizer.QHAdam", qhadam_adjust), nus=(0.6, 0.8), **TBE),
    ),
    "qhadam as adam, torch": Peer(
        "qhadam", dict(**BE, nu_1=1.0, nu_2=1.0), torch_like("torch.optim.Adam", **TBE)
    ),
}
