"""LARS: Algorithm 1 of You, Gitman & Ginsburg 2017, arXiv:1708.03888.

The buffer holds steps, learning rate included, as in the paper. Scalars and vectors (biases, scales of
normalisations), of which the paper says nothing, get neither the ratio nor the decay.
"""

import numpy as np

CASES = (
    {"momentum": 0.0, "nesterov": False, "trust_coefficient": 0.3, "weight_decay": 0.0},
    {"momentum": 0.7, "nesterov": False, "trust_coefficient": 0.3, "weight_decay": 0.1},
    {"momentum": 0.7, "nesterov": True, "trust_coefficient": 0.3, "weight_decay": 0.1},
)


def lars(x, gradients, learning_rates, *, momentum, nesterov, trust_coefficient, weight_decay):
    buffer = np.zeros_like(x)
    for g, lr in zip(gradients, learning_rates):
        if x.ndim >= 2:
            x_norm, g_norm = np.sqrt(np.sum(x**2)), np.sqrt(np.sum(g**2))
            denominator = g_norm + weight_decay * x_norm
            ratio = (
                trust_coefficient * x_norm / denominator if x_norm > 0 and denominator > 0 else 1.0
            )
            g = ratio * (g + weight_decay * x)
        buffer = momentum * buffer + lr * g
        x = x - (lr * g + momentum * buffer if nesterov else buffer)
        yield x
