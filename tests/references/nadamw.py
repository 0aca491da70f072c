"""NadamW: Nadam (Dozat 2016, OpenReview OM0jvwB8jIp57ZJjtNEZ) with the decay of AdamW, arXiv:1711.05101."""

import numpy as np

from tests.peers.libraries import Peer, torch_like
from tests.peers.settings import BE, TBE

CASES = (
    {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-2, "momentum_decay": 0.3, "weight_decay": 0.1},
)


def nadamw(x, gradients, learning_rates, *, beta_1, beta_2, epsilon, momentum_decay, weight_decay):
    def mu(t):
        return beta_1 * (1 - 0.5 * 0.96 ** (momentum_decay * t))

    m = v = np.zeros_like(x)
    mu_product = 1.0
    for t, (g, lr) in enumerate(zip(gradients, learning_rates), start=1):
        x = x - lr * weight_decay * x
        mu_product = mu_product * mu(t)
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        m_hat = mu(t + 1) * m / (1 - mu_product * mu(t + 1)) + (1 - mu(t)) * g / (1 - mu_product)
        v_hat = v / (1 - beta_2**t)
        x = x - lr * m_hat / (np.sqrt(v_hat) + epsilon)
        yield x


PEERS = {
    "nadamw, torch": Peer(
        "nadamw",
        dict(**BE, momentum_decay=0.3, weight_decay=0.1),
        torch_like(
            "torch.optim.NAdam",
            momentum_decay=0.3,
            weight_decay=0.1,
            decoupled_weight_decay=True,
            **TBE,
        ),
    ),
}
