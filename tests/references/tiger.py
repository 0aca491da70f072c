"""Tiger: Su 2023, https://github.com/bojone/tiger and https://kexue.fm/archives/9512.

The author scales the rate by the RMS of a matrix or kernel, and by 1/2 for biases and scales (taken here as vectors
and scalars). A matrix of zeros would stay so for ever: it takes the 1/2 too.
"""

import numpy as np

from tests.peers.deviations import adjusted, po, tiger_adjust
from tests.peers.libraries import Peer, torch_like

CASES = ({"beta": 0.8, "scale_parameter": True}, {"beta": 0.8, "scale_parameter": False})


def tiger(x, gradients, learning_rates, *, beta, scale_parameter):
    m = np.zeros_like(x)
    for g, lr in zip(gradients, learning_rates):
        m = beta * m + (1 - beta) * g
        if scale_parameter:
            lr = lr * ((np.sqrt(np.mean(x**2)) or 0.5) if x.ndim >= 2 else 0.5)
        x = x - lr * np.sign(m)
        yield x


PEERS = {
    "tiger unscaled, pytorch_optimizer": Peer(
        "tiger", dict(beta=0.8, scale_parameter=False), po("Tiger", beta=0.8, weight_decay=0.0)
    ),
    "tiger, pytorch_optimizer": Peer(
        "tiger",
        dict(beta=0.8, scale_parameter=True),
        torch_like(adjusted("pytorch_optimizer.Tiger", tiger_adjust), beta=0.8, weight_decay=0.0),
    ),
}
