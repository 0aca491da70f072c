"""FTRL-Proximal: Algorithm 1 of McMahan et al. 2013, KDD, "Ad click prediction: a view from the trenches".

Its sigmas sum to 1 / rate, also at the first step and when the rate changes: the weights may start anywhere.
The paper: weights and sum start at zero, the rate is constant, learning_rate_power -1/2, initial_accumulator_value 0; lambda_1, lambda_2 and beta are the other three.
The shrinkage is that of TensorFlow's ApplyFtrlV2: twice it times x joins the gradient in z, not in n.
"""

import numpy as np

from tests.peers.deviations import po
from tests.peers.libraries import Peer, keras_like
from tests.peers.settings import FTRL

CASES = (
    {
        "learning_rate_power": -0.5,
        "initial_accumulator_value": 0.0,
        "l1_regularization_strength": 2.0,
        "l2_regularization_strength": 0.25,
        "l2_shrinkage_regularization_strength": 0.3,
        "beta": 0.5,
    },
    {
        "learning_rate_power": -0.75,
        "initial_accumulator_value": 0.2,
        "l1_regularization_strength": 0.0,
        "l2_regularization_strength": 0.0,
        "l2_shrinkage_regularization_strength": 0.0,
        "beta": 0.0,
    },
)
RATES = {"quadratic": 1.0, "rosenbrock": 0.5, "beale": 0.5}  # as Adagrad


def ftrl(
    x,
    gradients,
    learning_rates,
    *,
    learning_rate_power,
    initial_accumulator_value,
    l1_regularization_strength,
    l2_regularization_strength,
    l2_shrinkage_regularization_strength,
    beta,
):
    z = total = np.zeros_like(x)
    n = np.full_like(x, initial_accumulator_value)
    for g, lr in zip(gradients, learning_rates):
        n = n + g**2
        sigma = (beta + n**-learning_rate_power) / lr - total
        total = total + sigma
        z = z + g + 2 * l2_shrinkage_regularization_strength * x - sigma * x
        shrunk = np.sign(z) * np.maximum(np.abs(z) - l1_regularization_strength, 0)
        x = -shrunk / (total + l2_regularization_strength)
        yield x


PEERS = {
    "ftrl, pytorch_optimizer": Peer(
        "ftrl",
        dict(learning_rate_power=-0.5, initial_accumulator_value=0.0, **FTRL),
        po("FTRL", beta=0.125, lambda_1=2.0, lambda_2=0.25),
        constant_rate=True,
        from_zero=True,
    ),
    "ftrl, keras": Peer(  # its second strength is half the paper's
        "ftrl",
        dict(learning_rate_power=-0.75, initial_accumulator_value=0.5, **FTRL),
        keras_like(
            "keras.optimizers.Ftrl",
            learning_rate_power=-0.75,
            initial_accumulator_value=0.5,
            l1_regularization_strength=2.0,
            l2_regularization_strength=0.125,
            beta=0.125,
        ),
        constant_rate=True,
        from_zero=True,
    ),
}
