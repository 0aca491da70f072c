"""Cautious optimizers: Algorithm 1 of Liang, Chen, Liu, Liu 2024, arXiv:2411.16085, around momentum SGD.

The mean of the mask is at least 1e-3, as in the authors' code; weight decay is not masked.
"""

import numpy as np

import keras_optim
from tests.peers.deviations import po
from tests.peers.libraries import Peer
from tests.peers.settings import TB, B

CASES = ({"momentum": 0.9}, {"momentum": 0.9, "weight_decay": 0.1})


def cautious(x, gradients, learning_rates, *, momentum, weight_decay=0.0):
    m = np.zeros_like(x)
    for g, lr in zip(gradients, learning_rates):
        m = momentum * m + g
        mask = m * g > 0
        x = x - lr * weight_decay * x
        x = x - lr * m * mask / max(np.mean(mask), 1e-3)
        yield x


DIFFERING = {
    "cautious around Lion, pytorch_optimizer": Peer(  # by (sum of the mask + 1) / size
        "cautious",
        dict(inner=lambda: keras_optim.Lion(**B)),
        po("Lion", **TB, cautious=True),
        shapes=((4, 3),),
    ),
}
