"""Statistics of batch normalisation, computed anew for other weights."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import keras_optim
from keras_optim.callbacks import EvaluateAveraged, update_batch_statistics
from tests.conftest import since_keras
from tests.support.trajectories import numbers
from tests.wrappers.test_averaging import same
from tests.wrappers.test_rate_multipliers import data

BACKEND = keras.backend.backend()
RANDOM = np.random.default_rng(0)
X = (3.0 + 2.0 * RANDOM.normal(size=(22, 5, 4))).astype("float32")


def assert_statistics(layer, values, rtol=1e-6):
    """Those of `values`, an array whose last axis is the layer's."""
    values = np.asarray(values, "float64").reshape(-1, np.shape(values)[-1])
    mean, variance = numbers([layer.moving_mean, layer.moving_variance])
    np.testing.assert_allclose(mean, values.mean(0), rtol=rtol, atol=1e-6)
    np.testing.assert_allclose(variance, values.var(0), rtol=rtol, atol=1e-6)


@pytest.mark.parametrize("batch_size", [1, 5, 22])
def test_of_the_first_layer_they_do_not_depend_on_the_batches(batch_size):
    layer = layers.BatchNormalization()
    update_batch_statistics(keras.Sequential([keras.Input((5, 4)), layer]), X, batch_size)
    assert_statistics(layer, X)
    assert layer.momentum == 0.99 and "call" not in vars(layer)


def test_of_later_layers_they_are_those_of_what_they_get_in_training():
    """Each batch is normalised by itself on its way there."""
    keras.utils.set_random_seed(0)
    first, dense, second = layers.BatchNormalization(), layers.Dense(3, "tanh"), Own(axis=1)
    inner = keras.Sequential([keras.Input((5, 4)), first, dense])
    model = keras.Sequential([keras.Input((5, 4)), inner, second])
    update_batch_statistics(model, X, batch_size=8)
    batches = [X[:8], X[8:16], X[16:]]
    weight, bias = numbers(dense.weights)
    normed = [(b - b.mean((0, 1))) / np.sqrt(b.var((0, 1)) + 1e-3) for b in batches]
    assert_statistics(first, X)
    got = np.tanh(np.concatenate(normed) @ weight + bias)
    assert_statistics(second, np.moveaxis(got, 1, -1), rtol=1e-5)


class Own(layers.BatchNormalization):
    """A layer of one's own."""

    def call(self, inputs, training=None, mask=None):
        return super().call(inputs, training=training, mask=mask)


class Subclassed(keras.Model):
    """A layer that is called twice, one that never trains, and one that is not called."""

    def __init__(self):
        super().__init__()
        self.shared, self.fixed = layers.BatchNormalization(), layers.BatchNormalization()
        self.unused = layers.BatchNormalization()
        self.unused.build((None, 4))

    def call(self, inputs, training=None):
        both = self.shared(inputs[:, 0]) + self.shared(inputs[:, 1])
        return self.fixed(both, training=False)


def test_subclassed_models_and_layers_that_are_called_twice_or_not_at_all():
    model = Subclassed()
    model(X[:2])
    others = [v for layer in (model.fixed, model.unused) for v in layer.variables]
    for variable in others:
        variable.assign(5.0 * ops.ones((4,)))
    update_batch_statistics(model, X, batch_size=8)
    assert_statistics(model.shared, X[:, :2])
    assert all(np.all(v == 5.0) for v in numbers(others))


def test_frozen_layers_stay_as_they_are():
    frozen, layer = layers.BatchNormalization(), layers.BatchNormalization()
    model = keras.Sequential([keras.Input((5, 4)), frozen, layer])
    frozen.trainable = False
    update_batch_statistics(model, X)
    assert numbers([frozen.moving_mean])[0].max() == 0
    assert_statistics(layer, X / np.sqrt(1 + 1e-3))
    layer.trainable = False
    before = numbers(model.variables)
    update_batch_statistics(model, 2 * X)
    assert same(numbers(model.variables), before)


def test_masked_steps_do_not_count():
    x = X.copy()
    x[3:9, 2:] = x[20:, 1:] = 0.0
    layer = layers.BatchNormalization()
    model = keras.Sequential([keras.Input((5, 4)), layers.Masking(), layer])
    update_batch_statistics(model, x, batch_size=8)
    assert_statistics(layer, x[np.any(x != 0, axis=-1)], rtol=1e-5)


@since_keras("3.14", "batch renormalisation")
def test_renormalisation_and_broken_statistics():
    layer = layers.BatchNormalization(renorm=True)
    model = keras.Sequential([keras.Input((5, 4)), layer])
    layer.moving_mean.assign(np.full(4, np.nan))
    kept = numbers([layer.renorm_mean])
    update_batch_statistics(model, X, batch_size=8)
    assert_statistics(layer, X, rtol=1e-5)
    [variance, stddev] = numbers([layer.moving_variance, layer.moving_stddev])
    np.testing.assert_allclose(stddev, np.sqrt(variance + 1e-3), rtol=1e-5)
    assert same(numbers([layer.renorm_mean]), kept)


def test_half_precision():
    layer = layers.BatchNormalization(dtype="mixed_bfloat16")
    model = keras.Sequential([keras.Input((5, 4)), layer])
    update_batch_statistics(model, X, batch_size=8)
    exact = numbers([ops.cast(ops.cast(X, "bfloat16"), "float32")])[0]
    assert_statistics(layer, exact)


class Batches(keras.utils.PyDataset):
    """Three batches of unequal size, with targets."""

    def __len__(self):
        return 3

    def __getitem__(self, i):
        return X[8 * i : 8 * i + 8], np.zeros(len(X[8 * i : 8 * i + 8]))


def kinds_of_data():
    yield "generator", ((X[8 * i : 8 * i + 8],) for i in range(3)), 3
    yield "PyDataset", Batches(), None
    if BACKEND == "tensorflow":
        import tensorflow as tf

        yield "tf.data", tf.data.Dataset.from_tensor_slices(X).batch(8).repeat(), 3
    if BACKEND == "torch":
        import torch

        pairs = torch.utils.data.TensorDataset(torch.tensor(X), torch.zeros(22))
        yield "DataLoader", torch.utils.data.DataLoader(pairs, batch_size=8), None


@pytest.mark.parametrize("kind", ["generator", "PyDataset", "tf.data", "DataLoader"])
def test_every_kind_of_data(kind):
    found = {name: (given, steps) for name, given, steps in kinds_of_data()}
    if kind not in found:
        pytest.skip(f"{kind} is of another backend")
    layer = layers.BatchNormalization()
    model = keras.Sequential([keras.Input((5, 4)), layer])
    update_batch_statistics(model, found[kind][0], steps=found[kind][1])
    assert_statistics(layer, X)


@pytest.mark.parametrize("kind", [list, dict])
def test_several_inputs(kind):
    inputs = {name: keras.Input((5, 4), name=name) for name in ("a", "b")}
    layer = layers.BatchNormalization()
    given = inputs if kind is dict else list(inputs.values())
    model = keras.Model(given, layer(layers.Add()(list(inputs.values()))))
    x = {"a": X, "b": X**2}
    update_batch_statistics(model, x if kind is dict else list(x.values()), batch_size=8)
    assert_statistics(layer, X + X**2)


def random_model(momentum=0.9):
    """With state of several kinds that no pass may change."""
    keras.utils.set_random_seed(0)
    spectral = layers.SpectralNormalization(layers.Dense(4))
    within = [spectral, layers.BatchNormalization(momentum=momentum), layers.Dropout(0.3)]
    model = keras.Sequential([keras.Input((3,)), *within, layers.Dense(3)])
    model.compile(keras_optim.EMA(keras_optim.Adam(0.05), decay=0.8), "mse")
    return model


@pytest.mark.filterwarnings("ignore:.*statistics of batch normalisation")
def test_all_else_stays_as_it_is():
    """Weights, the state of other layers, the random state: training goes on as without."""
    x, y = data()
    model, plain = random_model(), random_model()
    before = numbers(model.variables)
    update_batch_statistics(model, x, batch_size=4)
    changed = [not np.array_equal(*pair) for pair in zip(before, numbers(model.variables))]
    names = [v.name for v, new in zip(model.variables, changed) if new]
    assert names == ["moving_mean", "moving_variance"]
    histories = []
    for m, averaged in ((model, EvaluateAveraged(x, batch_size=4, steps=2)), (plain, None)):
        callbacks = [averaged] if averaged else []
        options = {"epochs": 3, "batch_size": 4, "shuffle": False, "verbose": 0}
        keras.utils.set_random_seed(1)
        histories.append(m.fit(x, y, callbacks=callbacks, **options).history["loss"])
    assert histories[0] == histories[1]
    again = EvaluateAveraged(x, batch_size=4, steps=2)
    assert model.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0, callbacks=[again])


@pytest.mark.filterwarnings("ignore:.*statistics of batch normalisation")
def test_the_callback_swaps_them_with_the_weights():
    """In `fit`, averaged weights are tested with their own statistics, trained with the others."""
    x, y = data()
    trained, tested = [], []

    class Watch(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            trained.append(self.model.get_weights())

        def on_epoch_end(self, epoch, logs=None):
            tested.append(self.model.get_weights())

    options = {"epochs": 3, "batch_size": 4, "shuffle": False, "verbose": 0}
    model, plain = (no_dropout() for _ in range(2))
    model.fit(x, y, validation_data=(x, y), callbacks=[Watch(), EvaluateAveraged(x)], **options)
    with_statistics, tested[:] = list(tested), []
    plain.fit(x, y, callbacks=[Watch(), EvaluateAveraged()], **options)
    assert all(same(a, b) for a, b in zip(trained[:3], trained[3:], strict=True))
    for new, old in zip(with_statistics, tested, strict=True):
        plain.set_weights(old)
        update_batch_statistics(plain, x)
        assert same(plain.get_weights(), new) and not same(new, old)
    assert same(model.get_weights(), with_statistics[-1])


def no_dropout():
    keras.utils.set_random_seed(0)
    within = [layers.Dense(4), layers.BatchNormalization(momentum=0.8), layers.Dense(3)]
    model = keras.Sequential([keras.Input((3,)), *within])
    model.compile(keras_optim.EMA(keras_optim.Adam(0.05), decay=0.8), "mse")
    return model


def test_nothing_to_do_and_wrong_uses():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(1), layers.GroupNormalization(1)])
    before = numbers(model.variables)
    update_batch_statistics(model, X[:, 0])
    assert same(numbers(model.variables), before)
    with pytest.raises(ValueError, match="update_batch_statistics: `model` must be a built Keras"):
        update_batch_statistics(keras.Sequential([layers.Dense(1)]), X)
    with pytest.raises(ValueError, match="update_batch_statistics: `batch_size` must be an integ"):
        update_batch_statistics(model, X, batch_size=0)
    with pytest.raises(ValueError, match="EvaluateAveraged: `steps` must be an integer"):
        EvaluateAveraged(X, steps=0)
