"""Functions with known minima, small models and data, for the tests of `minimize`."""

import keras
import numpy as np
from keras import ops

from keras_optim.full_batch.model_loss import model_loss
from keras_optim.full_batch.objective import Objective


def numbers(variable):
    return ops.convert_to_numpy(variable.value).copy()


def quadratic(size=12, condition=1e4, dtype="float64", seed=0):
    """0.5 (x-c)ᵀA(x-c) with the given condition: the loss, its variable, A, and c."""
    rng = np.random.default_rng(seed)
    rotation = np.linalg.qr(rng.normal(size=(size, size)))[0]
    matrix = rotation @ np.diag(np.geomspace(1.0, condition, size)) @ rotation.T
    goal = rng.normal(size=size)
    a, c = (ops.convert_to_tensor(v.astype(dtype)) for v in (matrix, goal))
    x = keras.Variable(np.zeros(size, dtype), dtype=dtype)

    def loss():
        # (`ops.matmul` of Keras 3.15 rounds double precision to single on PyTorch.)
        return 0.5 * ops.einsum("i,ij,j", x - c, a, x - c)

    return loss, x, matrix, goal


def rosenbrock(start=(-1.2, 1.0), dtype="float64"):
    """The valley: the loss and its variable; zero at (1, ..., 1)."""
    x = keras.Variable(np.array(start, dtype), dtype=dtype)
    return lambda: ops.sum((1 - x[:-1]) ** 2 + 100 * (x[1:] - x[:-1] ** 2) ** 2), x


def network(*layers, inputs=3, seed=0):
    keras.utils.set_random_seed(seed)
    return keras.Sequential([keras.Input((inputs,)), *layers])


def compiled(*stack, loss="mse", **options):
    model = network(*stack, **options)
    model.compile("sgd", loss)
    return model


def value_of(model, data, **options):
    """The loss of the model at its present weights, as `minimize` sees it."""
    objective = Objective(model_loss(model, data, **options))
    return objective.at(objective.present())


def regression(samples=23, inputs=3, seed=0):
    """Noisy data for a network: x, y and weights of the samples."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(samples, inputs))
    y = np.sin(x.sum(axis=1, keepdims=True)) + 0.1 * rng.normal(size=(samples, 1))
    return x, y, rng.uniform(0.5, 2.0, size=samples)
