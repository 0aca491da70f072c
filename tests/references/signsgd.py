"""signSGD: Algorithm 1 of Bernstein et al. 2018, arXiv:1802.04434."""

import numpy as np

from tests.peers.deviations import po
from tests.peers.libraries import Peer, optax_like

CASES = ({},)


def signsgd(x, gradients, learning_rates):
    for g, lr in zip(gradients, learning_rates):
        x = x - lr * np.sign(g)
        yield x


PEERS = {
    "signsgd, optax": Peer("signsgd", {}, optax_like(lambda o, lr: o.sign_sgd(lr))),
    "signsgd, pytorch_optimizer": Peer("signsgd", {}, po("SignSGD", momentum=0.0)),
}
