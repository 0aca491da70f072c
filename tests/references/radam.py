"""RAdam: Algorithm 2 of Liu et al. 2020, arXiv:1908.03265.

The paper adapts where rho > 4, the authors' code where rho >= 5, torch where rho > 5: hence the argument.
Epsilon, not in the paper, is added to sqrt(v) before the bias correction, as in the authors' code.
"""

import numpy as np

from tests.peers.libraries import Peer, optax_like, torch_like
from tests.peers.settings import BE, TBE, B

CASES = (
    {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-2, "sma_threshold": 5.0},
    {"beta_1": 0.8, "beta_2": 0.999, "epsilon": 1e-2, "sma_threshold": 4.0},
    {"beta_1": 0.8, "beta_2": 0.6, "epsilon": 1e-2, "sma_threshold": 5.0},
)
RATES = {"rosenbrock": 0.002}  # its first five steps are plain momentum


def radam(x, gradients, learning_rates, *, beta_1, beta_2, epsilon, sma_threshold):
    m = v = np.zeros_like(x)
    rho_inf = 2 / (1 - beta_2) - 1
    for t, (g, lr) in enumerate(zip(gradients, learning_rates), start=1):
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        m_hat = m / (1 - beta_1**t)
        rho = rho_inf - 2 * t * beta_2**t / (1 - beta_2**t)
        if rho > sma_threshold:
            r = np.sqrt((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho))
            x = x - lr * r * m_hat * np.sqrt(1 - beta_2**t) / (np.sqrt(v) + epsilon)
        else:
            x = x - lr * m_hat
        yield x


PEERS = {
    "radam, torch": Peer(
        "radam", dict(**BE, sma_threshold=5.0), torch_like("torch.optim.RAdam", **TBE)
    ),
    "radam 4, pytorch_optimizer": Peer(
        "radam",
        dict(**BE, sma_threshold=4.0),
        torch_like("pytorch_optimizer.RAdam", n_sma_threshold=4, degenerated_to_sgd=True, **TBE),
    ),
    "radam, optax": Peer(  # epsilon after the bias correction: only a tiny one agrees
        "radam",
        dict(**B, epsilon=1e-15, sma_threshold=5.0),
        optax_like(lambda o, lr: o.radam(lr, b1=0.8, b2=0.95, eps=1e-15)),
    ),
}
