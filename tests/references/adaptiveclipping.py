"""Adaptive gradient clipping: equation (3) of Brock et al. 2021, arXiv:2102.06171, before heavy-ball SGD.

Rows of the paper (outputs) are columns of Keras's kernels; a vector is one unit, as in its code.
"""

import numpy as np

CASES = (
    {"clipping": 0.3, "epsilon": 0.5, "momentum": 0.7},
    {"clipping": 2.0, "epsilon": 1e-3, "momentum": 0.7},
)


def adaptiveclipping(x, gradients, learning_rates, *, clipping, epsilon, momentum):
    m = np.zeros_like(x)
    units = x.shape[-1] if x.ndim > 1 else 1
    for g, lr in zip(gradients, learning_rates):
        columns, weights = g.reshape(-1, units).copy(), x.reshape(-1, units)
        for j in range(units):
            g_norm, x_norm = np.linalg.norm(columns[:, j]), np.linalg.norm(weights[:, j])
            if g_norm / max(x_norm, epsilon) > clipping:
                columns[:, j] *= clipping * max(x_norm, epsilon) / g_norm
        m = momentum * m + columns.reshape(x.shape)
        x = x - lr * m
        yield x
