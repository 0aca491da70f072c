"""Models: the loss is that of `evaluate`, in chunks or not, and only what trains is changed."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_optim import minimize
from keras_optim.full_batch.minimize import METHODS
from keras_optim.full_batch.model_loss import model_loss
from keras_optim.full_batch.objective import Objective
from tests.conftest import one_backend
from tests.full_batch.functions import compiled, network, numbers, regression, value_of

X, Y, WEIGHTS = regression()


def stacks():
    return {
        "plain": [layers.Dense(4, "tanh"), layers.Dense(1)],
        "regularized": [
            layers.Dense(4, "tanh", kernel_regularizer="l2", activity_regularizer="l2"),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            layers.Dense(1, bias_regularizer="l1"),
        ],
    }


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", stacks())
def test_the_loss_is_that_of_evaluate(name, weighted):
    model = compiled(*stacks()[name])
    data = (X, Y, WEIGHTS) if weighted else (X, Y)
    expected = model.evaluate(*data[:2], sample_weight=(*data, None)[2], batch_size=23, verbose=0)
    assert value_of(model, data).value == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", stacks())
def test_chunks_add_up_to_the_whole(name, weighted):
    model = compiled(*stacks()[name])
    data = (X, Y, WEIGHTS) if weighted else (X, Y)
    whole, chunked = (Objective(model_loss(model, data, batch_size=b)) for b in (None, 5))
    point, again = whole.at(whole.present()), chunked.at(whole.present())
    assert again.value == pytest.approx(point.value, rel=1e-6)
    np.testing.assert_allclose(again.gradient, point.gradient, atol=1e-6)
    products = [o.hessian_product(point, np.ones(o.size)) for o in (whole, chunked)]
    np.testing.assert_allclose(*products, atol=1e-5 * np.abs(products[0]).max())


@pytest.mark.parametrize("size", [1, 22, 23, 100])
def test_chunks_of_any_size(size):
    model = compiled(layers.Dense(1))
    whole, chunked = value_of(model, (X, Y)), value_of(model, (X, Y), batch_size=size)
    np.testing.assert_allclose(chunked.gradient, whole.gradient, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_a_linear_model_finds_least_squares(method):
    model = compiled(layers.Dense(1))
    result = minimize(model, (X, Y), method, batch_size=7, gradient_tolerance=1e-6)
    a = np.c_[X, np.ones(len(X))]
    solution, residual, *_ = np.linalg.lstsq(a, Y, rcond=None)
    assert result.converged
    assert result.value == pytest.approx(residual[0] / len(X), rel=1e-5)
    found = np.concatenate([w.ravel() for w in model.get_weights()])
    np.testing.assert_allclose(found, solution.ravel(), atol=1e-5)
    assert model.evaluate(X, Y, verbose=0) == pytest.approx(result.value, rel=1e-5)


def test_weights_of_samples_count():
    """A sample of weight 3 is three samples."""
    twice = np.r_[X, X[:1], X[:1]], np.r_[Y, Y[:1], Y[:1]]
    weights = np.r_[3.0, np.ones(len(X) - 1)]
    found = []
    for data in (twice, (X, Y, weights)):
        model = compiled(layers.Dense(1))
        minimize(model, data, gradient_tolerance=1e-6)
        found.append(np.concatenate([w.ravel() for w in model.get_weights()]))
    np.testing.assert_allclose(*found, atol=1e-4)


@pytest.mark.parametrize(
    "loss",
    ["mse", keras.losses.MeanSquaredError(), lambda y, p: ops.square(y - p)],
    ids=["name", "object", "function"],
)
def test_a_loss_for_a_model_that_has_none_or_another(loss):
    plain, other = network(layers.Dense(1)), compiled(layers.Dense(1), loss="mae")
    reference = compiled(layers.Dense(1))
    points = [value_of(m, (X, Y), loss=loss) for m in (plain, other)]
    for point in points:
        assert point.value == pytest.approx(value_of(reference, (X, Y)).value, rel=1e-6)
    assert other.loss == "mae" and not plain.compiled


def test_regularizers_count_with_a_loss_that_is_passed():
    layer = [layers.Dense(1, kernel_regularizer=keras.regularizers.L2(0.5))]
    model = compiled(*layer)
    passed = value_of(model, (X, Y), loss="mse", batch_size=10)
    assert passed.value == pytest.approx(value_of(model, (X, Y)).value, rel=1e-6)
    zero = minimize(model, (X, 0 * Y), loss="mse", gradient_tolerance=1e-6)
    assert zero.value < 1e-6


def test_many_inputs_and_outputs_as_dicts():
    inputs = {"a": keras.Input((2,), name="a"), "b": keras.Input((1,), name="b")}
    joined = layers.Concatenate()([inputs["a"], inputs["b"]])
    outputs = {"p": layers.Dense(1, name="p")(joined), "q": layers.Dense(2, name="q")(joined)}
    model = keras.Model(inputs, outputs)
    losses = {"p": "mse", "q": "mae"}
    model.compile("sgd", losses, loss_weights={"p": 1.0, "q": 0.5})
    data = ({"a": X[:, :2], "b": X[:, 2:]}, {"p": Y, "q": np.c_[Y, -Y]})
    whole, chunked = value_of(model, data), value_of(model, data, batch_size=6)
    expected = model.evaluate(*data, batch_size=23, verbose=0, return_dict=True)["loss"]
    assert whole.value == pytest.approx(expected, rel=1e-6)
    assert chunked.value == pytest.approx(whole.value, rel=1e-6)
    np.testing.assert_allclose(chunked.gradient, whole.gradient, atol=1e-6)


def test_a_model_with_a_loss_of_its_own():
    class Autoencoder(keras.Model):
        def __init__(self):
            super().__init__()
            self.inner = layers.Dense(3)

        def call(self, x):
            return self.inner(x)

        def compute_loss(self, x, y, y_pred, sample_weight, training):
            assert not training
            return ops.mean(ops.square(x - y_pred))

    model = Autoencoder()
    assert not model.built
    assert minimize(model, (X,), batch_size=8).value < 1e-6


def test_integers_stay_integers():
    model = keras.Sequential(
        [keras.Input((2,), dtype="int32"), layers.Embedding(4, 3), layers.Flatten(),
         layers.Dense(2)]
    )  # fmt: skip
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    data = (np.array([[0, 1], [2, 3], [1, 0], [3, 2]]), np.array([0, 1, 1, 0]))
    assert minimize(model, data).value < 1e-3


def test_native_tensors_and_lists_are_data():
    model = compiled(layers.Dense(1))
    expected = value_of(model, (X, Y)).value
    assert value_of(model, [ops.convert_to_tensor(X), ops.convert_to_tensor(Y)]).value == expected
    assert value_of(model, (X.tolist(), Y.tolist())).value == expected
    assert value_of(model, (X.tolist(), tuple(map(tuple, Y.tolist())))).value == expected


# ---- a model that takes one size of a batch


def sequences(size):
    inputs = keras.Input(batch_shape=(size, 3))
    hidden = layers.Dense(4, "tanh", kernel_regularizer="l2", name="hidden")(inputs)
    repeated = layers.RepeatVector(5)(hidden)
    outputs = {
        "p": layers.Dense(2, name="p")(repeated),
        "q": layers.Dense(1, name="q")(hidden),
        "r": layers.Dense(3, name="r")(layers.Reshape((5, 2, 2))(layers.Dense(20)(hidden))),
    }
    size = size or -1  # with a size, it fails for batches of any other
    outputs["q"] = ops.reshape(ops.reshape(outputs["q"], (size,)), (size, 1))
    model = keras.Model(inputs, outputs)
    classes = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", {"p": "mse", "q": "mae", "r": classes})
    return model


@pytest.mark.parametrize("count", [23, *(pytest.param(n, marks=one_backend) for n in (5, 16))])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_fixed_batch_size_changes_nothing(weighted, count):
    rng = np.random.default_rng(0)
    y = {"p": rng.normal(size=(23, 5, 2)), "q": Y, "r": rng.integers(0, 3, (23, 5, 2))}
    if weighted:
        y = {"p": y["p"][:, 0], "q": Y, "r": y["r"][:, 0, 0]}
    keras.utils.set_random_seed(0)
    free, fixed = (flat(size) if weighted else sequences(size) for size in (None, 8))
    fixed.set_weights(free.get_weights())
    data = (X, y, dict.fromkeys(y, WEIGHTS)) if weighted else (X, y)
    data = keras.tree.map_structure(lambda array: array[:count], data)
    whole, chunked = (Objective(model_loss(model, data)) for model in (free, fixed))
    point, again = whole.at(whole.present()), chunked.at(whole.present())
    assert again.value == pytest.approx(point.value, rel=1e-6)
    np.testing.assert_allclose(again.gradient, point.gradient, atol=1e-6)
    products = [o.hessian_product(point, np.ones(o.size)) for o in (whole, chunked)]
    np.testing.assert_allclose(*products, atol=1e-5 * np.abs(products[0]).max())


def flat(size):
    inputs = keras.Input(batch_shape=(size, 3))
    hidden = layers.Dense(4, "tanh", bias_regularizer="l2")(inputs)
    units = {"p": 2, "q": 1, "r": 3}
    model = keras.Model(inputs, {n: layers.Dense(u, name=n)(hidden) for n, u in units.items()})
    classes = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", {"p": "mse", "q": "mae", "r": classes})
    return model


# ---- what is changed and what is not


def test_frozen_variables_and_state_stay():
    model = compiled(
        layers.Dense(4, "tanh"), layers.BatchNormalization(), layers.Dropout(0.5), layers.Dense(1)
    )
    model.layers[0].trainable = False
    before = {v.path: numbers(v) for v in model.variables}
    result = minimize(model, (X, Y), max_iterations=5)
    moved = {path for v in model.variables if (numbers(v) != before[path := v.path]).any()}
    assert moved == {v.path for v in model.trainable_variables}
    assert result.value < result.history["value"][0]


def test_some_variables_of_a_model():
    model = compiled(layers.Dense(4, "tanh", kernel_regularizer="l2"), layers.Dense(1))
    before = [numbers(v) for v in model.variables]
    minimize(model, (X, Y), variables=model.layers[1].trainable_variables, max_iterations=5)
    moved = [(numbers(v) != b).any() for v, b in zip(model.variables, before)]
    assert moved == [False, False, True, True]
