"""AggMo: equation 3 of Lucas et al. 2019, arXiv:1804.00325."""

import numpy as np

CASES = (
    {"betas": (0.0, 0.6, 0.9)},
    {"betas": (0.7,)},
)


def aggmo(x, gradients, learning_rates, *, betas):
    velocities = [np.zeros_like(x) for _ in betas]
    for g, lr in zip(gradients, learning_rates):
        velocities = [beta * velocity - g for beta, velocity in zip(betas, velocities)]
        x = x + lr / len(betas) * sum(velocities)
        yield x
