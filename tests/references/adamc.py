"""AdamC: Algorithm 1 of Defazio 2025, arXiv:2506.02285: AdamW, whose decay follows the square of the rate."""

import numpy as np

from tests.peers.deviations import adjusted, epsilon_after_correction
from tests.peers.libraries import Peer, torch_like
from tests.peers.settings import BE

CASES = (
    {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-2, "weight_decay": 0.1, "normalized": ["."],
     "max_learning_rate": 0.15},
    {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-2, "weight_decay": 0.1, "normalized": ["."]},
    {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-2, "weight_decay": 0.1},
)  # fmt: skip


def adamc(
    x, gradients, learning_rates, *, beta_1, beta_2, epsilon, weight_decay, normalized=None,
    max_learning_rate=None,
):  # fmt: skip
    m = v = np.zeros_like(x)
    for t, (g, lr) in enumerate(zip(gradients, learning_rates), start=1):
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        largest = max_learning_rate or max(learning_rates[:t])
        decay = lr * weight_decay * (lr / largest if normalized else 1.0)
        step = m / (1 - beta_1**t) / (np.sqrt(v / (1 - beta_2**t)) + epsilon)
        x = x - decay * x - lr * step
        yield x


def normalized_adamc(params, lr, **arguments):
    """pytorch-optimizer's, told that its weights come before a normalisation."""
    make = adjusted("pytorch_optimizer.AdamC", epsilon_after_correction)
    return make([{"params": params, "normalized": True}], lr=lr, **arguments)


OURS = dict(**BE, weight_decay=0.1, normalized=["."])
PEERS = {
    "adamc, pytorch_optimizer": Peer(  # it takes its first rate for the largest, as that is here
        "adamc", OURS, torch_like(normalized_adamc, betas=(0.8, 0.95), weight_decay=0.1)
    ),
}
DIFFERING = {
    "adamc by default, pytorch_optimizer": Peer(  # it is AdamW then
        "adamc",
        OURS,
        torch_like("pytorch_optimizer.AdamC", betas=(0.8, 0.95), eps=1e-2, weight_decay=0.1),
    ),
}
