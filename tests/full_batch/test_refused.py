"""What `minimize` refuses, and that it says what to do instead."""

import math

import keras
import numpy as np
import pytest
from keras import layers, ops

import keras_optim
from keras_optim import minimize
from tests.full_batch.functions import compiled, network, numbers, quadratic, regression, value_of

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
    refused(TypeError, "must hold keras.Variable.*<ndarray of shape", loss, variables=[np.ones(3)])
    refused(TypeError, "must be a list of keras.Variable.*<ndarray of", loss, variables=np.ones(3))
    refused(TypeError, "must be a list of keras.Variable.*<Variable of", loss, variables=x)
    refused(ValueError, "'frozen' is not trainable", loss, variables=[x, frozen])
    refused(ValueError, "'half' of dtype bfloat16", loss, variables=[half])
    refused(ValueError, "'bound' has a constraint", loss, variables=[bound])
    refused(ValueError, "same variable twice", loss, variables=[x, x])
    model = compiled(layers.Dense(1))
    refused(ValueError, "must be variables of the model", model, (X, Y), variables=[x])
    model.trainable = False
    refused(ValueError, "no variables to change", model, (X, Y))


def test_data_that_are_no_arrays():
    model = compiled(layers.Dense(1))
    must = "arrays of numbers, or lists of equally long rows. Received: a"
    refused(TypeError, f"{must} list .* as x", model, ([[1, 2, 3], [1, 2]], [1, 2]))
    refused(TypeError, f"{must} str .* as y", model, (X, ["a"] * 23))
    refused(TypeError, f"{must} generator .* as x", model, ((row for row in X), Y))
    refused(TypeError, f"{must} ndarray .* as sample_weight", model, (X, Y, np.array([None] * 23)))
    refused(ValueError, r"x: \[3, 3, 3, 3\] and 19 more, y", model, (list(X), Y))


def test_messages_hold_no_whole_arrays():
    model, array = compiled(layers.Dense(1)), np.arange(400.0).reshape(20, 20)
    for arguments, options in (
        ((array,), {}),
        ((model, (X, Y), array), {}),
        ((model, (X, Y)), {"callback": array}),
        ((model, (X, Y)), {"loss": array}),
        ((model, (X, Y)), {"variables": array}),
        ((model, (list(array[:, :5]), array.tolist())), {}),
    ):
        with pytest.raises((TypeError, ValueError)) as caught:
            minimize(*arguments, **options)
        assert len(str(caught.value)) < 250


FOREIGN = [
    ("maxiter", "use `max_iterations`"),
    ("tol", "use `gradient_tolerance`"),
    ("ftol", "use `value_tolerance`"),
    ("fun", "use `target`"),
    ("x0", "use `variables`"),
    ("max_eval", "use `max_evaluations`"),
    ("history_size", r"use `method=keras_optim.LBFGS\(history_size=...\)`"),
    ("lr", "leave it out, a line search finds the length"),
    ("jac", "leave it out, derivatives are computed"),
    ("y", "use `data`"),
]


@pytest.mark.parametrize(("theirs", "ours"), FOREIGN)
def test_names_of_other_libraries_are_refused_with_ours(theirs, ours):
    loss, x, *_ = quadratic(3, dtype="float32")
    refused(TypeError, f"unknown argument `{theirs}`: {ours}", loss, variables=[x],
            **{theirs: 1})  # fmt: skip


def test_unknown_and_missing_arguments():
    refused(TypeError, "unknown argument `colour`. Arguments: target, data", colour=1)
    refused(TypeError, "missing a required argument: 'target'")


NO_NUMBERS = [
    (lambda x: None, "NoneType"),
    (lambda x: "low", "str"),
    (lambda x: ops.any(x > 0), "dtype bool"),
    (lambda x: ops.sum(ops.cast(x, "int32")), "dtype int32"),
]


@pytest.mark.parametrize(("loss", "received"), NO_NUMBERS)
def test_losses_that_are_no_numbers(loss, received):
    x = keras.Variable([1.0])
    refused(TypeError, f"scalar tensor of floating point numbers. Received: .*{received}",
            lambda: loss(x), variables=[x])  # fmt: skip


UNREACHED = {
    "another": lambda x, y: ops.sum(y**2),
    "constant": lambda x, y: 3.0,
    "stopped": lambda x, y: ops.sum(ops.stop_gradient(x.value)),
    "argmax": lambda x, y: ops.cast(ops.argmax(x), "float32"),
    "cast": lambda x, y: ops.cast(ops.cast(ops.sum(x), "int32"), "float32"),
}


@pytest.mark.parametrize("name", UNREACHED)
def test_a_loss_that_does_not_depend_on_its_variables(name):
    x, y = keras.Variable([1.0, 2.0], name="x"), keras.Variable([3.0])
    refused(ValueError, "does not depend on the variables to change.*Received: variables 'x'",
            lambda: UNREACHED[name](x, y), variables=[x])  # fmt: skip


def test_a_models_loss_that_does_not_depend_on_its_weights():
    model = compiled(layers.Dense(1), loss=lambda y, p: ops.square(y - ops.stop_gradient(p)))
    refused(ValueError, "does not depend on the variables", model, (X, Y))
    refused(ValueError, "does not depend on the variables", model, (X, Y), batch_size=5)


def test_models_that_remember():
    stack = [layers.SimpleRNN(2, stateful=True, name="memory"), layers.Dense(1)]
    model = keras.Sequential([keras.Input(batch_shape=(4, 3, 2)), *stack])
    refused(ValueError, "the layer 'memory' is stateful", model,
            (np.ones((4, 3, 2)), np.ones((4, 1))), loss="mse")  # fmt: skip


def test_what_a_fixed_batch_size_forbids():
    def model(**options):
        inputs = keras.Input(batch_shape=(8, 3))
        made = keras.Model(inputs, layers.Dense(1, **options)(inputs))
        made.compile("sgd", "mse")
        return made

    refused(ValueError, "`batch_size` must be 8 or None", model(), (X, Y), batch_size=5)
    own = model(activity_regularizer="l2")
    refused(ValueError, "a multiple of 8 samples. Received: 23", own, (X, Y))
    expected = own.evaluate(X[:16], Y[:16], batch_size=8, verbose=0)
    assert value_of(own, (X[:16], Y[:16])).value == pytest.approx(expected, rel=1e-6)


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
