"""ProximalAdagrad: the forward-backward splitting of Duchi & Singer 2009, JMLR 10:2899, with the rates of Adagrad.

The second step minimises (x - z)^2 / (2 rate) + l1 |x| + l2 x^2 / 2, here by its three cases.
"""

import numpy as np

from tests.peers.libraries import Peer

CASES = (
    {
        "initial_accumulator_value": 0.2,
        "l1_regularization_strength": 0.5,
        "l2_regularization_strength": 0.25,
        "epsilon": 1e-2,
    },
    {
        "initial_accumulator_value": 0.0,
        "l1_regularization_strength": 0.0,
        "l2_regularization_strength": 0.0,
        "epsilon": 1e-2,
    },
    {"initial_accumulator_value": 0.2, "l1_regularization_strength": 1.0, "epsilon": 1e-10},
)
RATES = {"quadratic": 1.0, "rosenbrock": 0.5, "beale": 0.5}  # as Adagrad


def proximaladagrad(
    x,
    gradients,
    learning_rates,
    *,
    initial_accumulator_value,
    l1_regularization_strength,
    l2_regularization_strength=0.0,
    epsilon,
):
    v = np.full_like(x, initial_accumulator_value)
    for g, lr in zip(gradients, learning_rates):
        v = v + g**2
        rate = lr / (np.sqrt(v) + epsilon)
        z = x - rate * g
        l1, curvature = l1_regularization_strength, 1 / rate + l2_regularization_strength
        positive, negative = (z / rate - l1) / curvature, (z / rate + l1) / curvature
        x = np.where(positive > 0, positive, np.where(negative < 0, negative, 0.0))
        yield x


def tensorflow_kernel(x, gradients, learning_rates):
    """TensorFlow's kernel, which the class of TensorFlow Addons calls."""
    import tensorflow as tf

    var = tf.Variable(x, dtype="float64")
    total = tf.Variable(tf.fill(var.shape, tf.constant(0.2, "float64")))
    l1, l2 = tf.constant(0.5, "float64"), tf.constant(0.25, "float64")
    for g, lr in zip(gradients, learning_rates):
        tf.raw_ops.ResourceApplyProximalAdagrad(
            var=var.handle,
            accum=total.handle,
            lr=tf.constant(lr, "float64"),
            l1=l1,
            l2=l2,
            grad=tf.constant(g, "float64"),
        )
        yield var.numpy()


PEERS = {
    "proximaladagrad, tensorflow": Peer(  # it has no epsilon
        "proximaladagrad",
        dict(
            initial_accumulator_value=0.2,
            l1_regularization_strength=0.5,
            l2_regularization_strength=0.25,
            epsilon=1e-30,
        ),
        lambda *given: list(tensorflow_kernel(*given)),
    ),
}
