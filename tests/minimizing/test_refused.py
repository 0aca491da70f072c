"""What `minimize` refuses, and that it says what to do instead."""

import math

import keras
import numpy as np
import pytest
from keras import layers, ops

import keras_optim
from keras_optim import minimize
from tests.minimizing.functions import compiled, network, numbers, quadratic, regression, value_of

X, Y, WEIGHTS = regression()


def refused(error, message, *arguments, **options):
    with pytest.raises(error, match=message):
        minimize(*arguments, **options)


def test_wrong_targets():
    model, plain = compiled(layers.Dense(1)), network(layers.Dense(1))
    loss, x, *_ = quadratic(3, dtype="float32")
    refused(TypeError, "`target` must be a Keras model or a function", "model")
    refused(ValueError, r"a model needs data: keras_optim.minimize\(model, \(x, y\)", model)
    refused(ValueError, "no loss. Compile the model with one, or pass it", plain, (X, Y))
    refused(ValueError, "no targets", model, (X,))
    refused(ValueError, "no targets", plain, (X, None), loss="mse")
    refused(ValueError, "a function needs variables", loss)
    refused(ValueError, "`data` is for a model", loss, (X, Y), variables=[x])
    refused(ValueError, "`loss` is for a model", loss, variables=[x], loss="mse")
    refused(ValueError, "`batch_size` is for a model", loss, variables=[x], batch_size=3)


def test_wrong_data():
    model = compiled(layers.Dense(1))
    refused(TypeError, "`data` must be .x, y.* Received: ndarray", model, X)
    refused(TypeError, "`data` must be .x, y.* Received: tuple", model, (X, Y, WEIGHTS, 1))
    refused(ValueError, r"number of samples.*x: \[23\], y: \[22\]", model, (X, Y[1:]))
    refused(ValueError, r"sample_weight: \[3\]", model, (X, Y, WEIGHTS[:3]))
    refused(ValueError, r"at least one.*x: \[0\]", model, (X[:0], Y[:0]))
    refused(ValueError, r"number of samples.*y: \[0\]", model, (X, 3.0))


def test_wrong_variables():
    loss, x, *_ = quadratic(3, dtype="float32")
    frozen = keras.Variable([1.0], trainable=False, name="frozen")
    half = keras.Variable([1.0], dtype="bfloat16", name="half")
    bound = keras.Variable([1.0], name="bound")
    bound.constraint = keras.constraints.NonNeg()
    refused(ValueError, "no variables", loss, variables=[])
    refused(TypeError, "must hold keras.Variable", loss, variables=[np.ones(3)])
    refused(ValueError, "'frozen' is not trainable", loss, variables=[x, frozen])
    refused(ValueError, "'half' of dtype bfloat16", loss, variables=[half])
    refused(ValueError, "'bound' has a constraint", loss, variables=[bound])
    refused(ValueError, "same variable twice", loss, variables=[x, x])
    model = compiled(layers.Dense(1))
    refused(ValueError, "must be variables of the model", model, (X, Y), variables=[x])
    model.trainable = False
    refused(ValueError, "no variables to change", model, (X, Y))


WRONG = [
    ({"max_iterations": 0}, ValueError),
    ({"max_iterations": 2.5}, TypeError),
    ({"max_evaluations": 0}, ValueError),
    ({"gradient_tolerance": -1}, ValueError),
    ({"gradient_tolerance": math.nan}, ValueError),
    ({"value_tolerance": "small"}, TypeError),
    ({"batch_size": 0}, ValueError),
    ({"callback": 3}, TypeError),
    ({"verbose": 2}, ValueError),
]


@pytest.mark.parametrize(("arguments", "error"), WRONG, ids=str)
def test_wrong_arguments_are_refused_by_name(arguments, error):
    [name] = arguments
    loss, x, *_ = quadratic(3, dtype="float32")
    refused(error, f"minimize: `{name}` must be .* Received: {name}=", loss, variables=[x],
            **arguments)  # fmt: skip


@pytest.mark.parametrize("method", ["newton", None, keras_optim.LBFGS, 3], ids=str)
def test_wrong_methods(method):
    loss, x, *_ = quadratic(3, dtype="float32")
    refused(ValueError, "one of 'lbfgs', 'conjugate_gradient', 'truncated_newton'.*Received",
            loss, variables=[x], method=method)  # fmt: skip
    refused(ValueError, "Adam goes into `compile`", loss, variables=[x], method=keras_optim.Adam())


def test_a_loss_that_is_not_finite_at_the_start():
    x = keras.Variable([-1.0])
    refused(ValueError, r"the loss \(nan\).* not finite at the start",
            lambda: ops.sum(ops.log(x)), variables=[x])  # fmt: skip
    assert numbers(x).tolist() == [-1.0]


@pytest.mark.parametrize("reduction", ["sum", "mean_with_sample_weight"])
def test_losses_that_do_not_split_are_refused_in_chunks_only(reduction):
    model = compiled(layers.Dense(1), loss=keras.losses.MeanSquaredError(reduction=reduction))
    refused(ValueError, f"'{reduction}' cannot be split", model, (X, Y, WEIGHTS), batch_size=5)
    expected = model.evaluate(X, Y, sample_weight=WEIGHTS, batch_size=23, verbose=0)
    assert value_of(model, (X, Y, WEIGHTS)).value == pytest.approx(expected, rel=1e-6)
    refused(ValueError, "must be a scalar", compiled(
        layers.Dense(1), loss=keras.losses.MeanSquaredError(reduction=None)), (X, Y))  # fmt: skip


def test_masked_outputs_are_refused_in_chunks_only():
    stack = [layers.Masking(), layers.SimpleRNN(2, return_sequences=True), layers.Dense(1)]
    model = keras.Sequential([keras.Input((4, 3)), *stack])
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(size=(6, 4, 3))
    x[:3, 2:] = 0.0
    y = x.sum(axis=-1, keepdims=True)
    refused(ValueError, "output is masked", model, (x, y), batch_size=2)
    expected = model.evaluate(x, y, verbose=0)
    assert value_of(model, (x, y)).value == pytest.approx(expected, rel=1e-5)
    assert minimize(model, (x, y), max_iterations=5).value < expected
