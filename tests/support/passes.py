"""Steps of any optimizer of ours on given gradients, with the second pass of those that need one.

Gradients alone are those of a linear loss: the same at all weights. For rules that ask for the
curvature, the Hessian is diagonal, with the numbers of `curvature` on it, and their roots are the
gradients for drawn labels.
"""

import keras
import numpy as np

import keras_optim
from keras_optim.engine import distribution

LOSS = 5.0
"""The loss of each step, for those that see it."""


def curvature(shape):
    """Return numbers from 0.5 to 1.5 for the weights of a variable, the first ones small."""
    return (0.5 + np.arange(1.0, 1.0 + np.prod(shape)) / np.prod(shape)).reshape(shape)


def apply(optimizer, gs, xs=None, second=None):
    """One step in place; of a loss that is not linear, `second` computes the gradients."""
    optimizer.apply(gs, xs, **_needed(optimizer, gs, second or (lambda: list(gs)), xs))


def curved(gs, xs):
    """Gradients that are `gs` at the weights as they are now, and change with them."""
    starts = [x.numpy() for x in xs]
    return lambda: [g if g is None else g + (x - a) for g, x, a in zip(gs, xs, starts, strict=True)]


def stateless_apply(optimizer, state, gs, values):
    """One step without changing anything: new values, new state."""
    return optimizer.stateless_apply(
        state, gs, values, **_needed(optimizer, gs, lambda _: list(gs))
    )


def ready(model):
    """`model`, whose `fit` makes as many passes as its optimizer needs."""
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    plain = optimizer.second == "none" and not optimizer.sees_loss
    return model if plain else keras_optim.two_pass(model)


def _needed(optimizer, gs, second, xs=None):
    xs = gs if xs is None else xs  # a gradient may not know its shape while it is traced

    def diagonal(like, power, shape=None):
        dtype = keras.backend.standardize_dtype(like.dtype)
        numbers = curvature(tuple(like.shape if shape is None else shape)) ** power
        return distribution.alike(like, keras.ops.convert_to_tensor(numbers, dtype))

    kinds = {
        "none": {},
        "gradient": {"second": second},
        "hessian_product": {"second": lambda us: [u * diagonal(u, 1.0) for u in us]},
        "sampled_gradient": {
            "second": lambda: [
                None if g is None else diagonal(g, 0.5, x.shape)
                for g, x in zip(gs, xs, strict=True)
            ]
        },
    }
    return {**kinds[optimizer.second], **({"loss": LOSS} if optimizer.sees_loss else {})}
