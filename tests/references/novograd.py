"""NovoGrad: Algorithm 1 of Ginsburg et al. 2019, arXiv:1905.11286; one second moment for each tensor.

The paper adds its weight decay to the normalised gradient, inside m; here there is none.
"""

import numpy as np

from tests.peers.deviations import po
from tests.peers.libraries import Peer, optax_like
from tests.peers.settings import BE, OBE, TBE

CASES = ({"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-2},)


def novograd(x, gradients, learning_rates, *, beta_1, beta_2, epsilon):
    m, v = np.zeros_like(x), 0.0
    for t, (g, lr) in enumerate(zip(gradients, learning_rates), start=1):
        squared_norm = np.sum(g**2)
        v = squared_norm if t == 1 else beta_2 * v + (1 - beta_2) * squared_norm
        m = beta_1 * m + g / (np.sqrt(v) + epsilon)
        x = x - lr * m
        yield x


PEERS = {
    "novograd, pytorch_optimizer": Peer("novograd", BE, po("NovoGrad", **TBE)),
    "novograd, optax": Peer("novograd", BE, optax_like(lambda o, lr: o.novograd(lr, **OBE))),
}
