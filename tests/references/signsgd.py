"""signSGD: Algorithm 1 of Bernstein et al. 2018, arXiv:1802.04434."""

import numpy as np

CASES = ({},)


def signsgd(x, gradients, learning_rates):
    for g, lr in zip(gradients, learning_rates):
        x = x - lr * np.sign(g)
        yield x
