"""AMSGrad: Algorithm 2 of Reddi, Kale & Kumar 2018, arXiv:1904.09237, with Adam's bias correction.

The maximum is over the raw v; the correction, which the paper leaves out, comes after it.
"""

import numpy as np

from tests.peers.libraries import Peer, torch_like
from tests.peers.settings import BE, TBE

CASES = ({"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-2},)


def amsgrad(x, gradients, learning_rates, *, beta_1, beta_2, epsilon):
    m = v = v_max = np.zeros_like(x)
    for t, (g, lr) in enumerate(zip(gradients, learning_rates), start=1):
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        v_max = np.maximum(v_max, v)
        m_hat = m / (1 - beta_1**t)
        v_hat = v_max / (1 - beta_2**t)
        x = x - lr * m_hat / (np.sqrt(v_hat) + epsilon)
        yield x


PEERS = {
    "amsgrad, torch": Peer("amsgrad", BE, torch_like("torch.optim.Adam", amsgrad=True, **TBE)),
}
