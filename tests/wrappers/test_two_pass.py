"""The second pass in `fit`: what Keras offers, once with SAM and once with plain gradients."""

import importlib

import keras
import numpy as np
import pytest

import keras_optim
from tests.conftest import BACKEND
from tests.support.passes import ready
from tests.support.trajectories import difference, numbers

random = np.random.default_rng(0)
X = random.normal(size=(48, 4)).astype("float32")
Y = X[:, :1] * 0.5 - X[:, 1:2] + 0.3


def sam(rho=0.3, rate=0.05, **options):
    return keras_optim.SAM(keras_optim.SGD(rate, **options), rho=rho)


def fitted(model, optimizer, epochs=1, data=(X, Y), loss="mse", **compiled):
    """The history of a few steps of eight samples."""
    model.compile(optimizer, loss, **compiled)
    model = keras_optim.two_pass(model)
    return model.fit(*data, batch_size=16, epochs=epochs, shuffle=False, verbose=0).history


def network(layers=list):
    """A model that always starts alike; `layers` makes those before the last one."""
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((4,)), *layers(), keras.layers.Dense(1)])


def hidden():
    return [keras.layers.Dense(8, "tanh")]


def every_kind():
    return [
        keras.layers.Dense(8, "relu"),
        keras.layers.BatchNormalization(),
        keras.layers.Dropout(0.2, seed=1),
        Growing(),
    ]


class Growing(keras.layers.Layer):
    """Multiplies by how often it was called in training."""

    def build(self, shape):
        self.calls = self.add_weight((), "ones", trainable=False)

    def call(self, x, training=False):
        if training:
            self.calls.assign(self.calls + 1.0)
        return x * (1.0 + 0.1 * keras.ops.convert_to_tensor(self.calls))


def weights(model):
    return [np.array(w) for w in model.get_weights()]


def distance(a, b):
    return difference([weights(a)], [weights(b)])


# ---- the same numbers


def test_fit_takes_the_steps_of_the_paper():
    """Least squares with a regulariser, which is part of the loss in both passes."""
    decay, rate, epochs = 0.1, 0.05, 4
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L2(decay))]
    )
    start = [np.array(w, "float64") for w in model.get_weights()]
    batches = [(X[i : i + 16], Y[i : i + 16]) for i in range(0, len(X), 16)] * epochs
    model.compile(sam(rho=0.5, rate=rate), "mse")
    keras_optim.two_pass(model)
    model.fit(X, Y, batch_size=16, epochs=epochs, shuffle=False, verbose=0)

    step = importlib.import_module("tests.references.sam").sam
    xs = start
    for x, y in batches:

        def slope(ws, x=x, y=y):
            rest = x @ ws[0] + ws[1] - y
            return [2 * x.T @ rest / len(x) + 2 * decay * ws[0], 2 * np.mean(rest, axis=0)]

        [xs] = step(xs, slope, [rate], rho=0.5)
    assert difference([weights(model)], [xs]) < 1e-5


@pytest.mark.parametrize("order", ["before", "after"])
def test_without_a_radius_it_is_the_inner_one(order):
    plain, model = network(every_kind), network(every_kind)
    plain.compile(keras_optim.Adam(0.05), "mse")
    if order == "before":
        keras_optim.two_pass(model)
    model.compile(keras_optim.SAM(keras_optim.Adam(0.05), rho=0.0), "mse")
    if order == "after":
        keras_optim.two_pass(model)
    for m in (plain, model):
        m.fit(X, Y, batch_size=16, epochs=2, shuffle=False, verbose=0)
    assert distance(plain, model) == 0.0


def test_dropout_draws_the_same_mask_in_both_passes():
    """The mean of the output is linear in the weights: its gradient depends on the mask alone."""

    def mean(y, predicted):
        return keras.ops.mean(predicted)

    models = []
    for optimizer in (keras_optim.SGD(0.1), sam(rho=5.0, rate=0.1)):
        model = network(lambda: [keras.layers.Dropout(0.5, seed=1)])
        fitted(model, optimizer, loss=mean)
        models.append(model)
    assert distance(*models) < 1e-6
    other = network(lambda: [keras.layers.Dropout(0.5, seed=2)])
    fitted(other, sam(rho=5.0, rate=0.1), loss=mean)
    assert distance(models[0], other) > 1e-3


def test_statistics_and_metrics_are_those_of_the_first_pass():
    """With a rate of zero all is as with plain gradients, and the weights come back exactly."""
    results = []
    for optimizer in (keras_optim.SGD(0.0), sam(rho=2.0, rate=0.0)):
        model = network(every_kind)
        before = [np.array(v.numpy()) for v in model.trainable_variables]
        history = fitted(model, optimizer, epochs=2, metrics=["mae"])
        assert difference([numbers(model.trainable_variables)], [before]) == 0.0
        seeds = [v.numpy() for v in model.non_trainable_variables]
        results.append((history, seeds, weights(model)))
    (history, seeds, ws), (plain_history, plain_seeds, plain_ws) = results
    assert history == plain_history
    for a, b in zip(seeds + ws, plain_seeds + plain_ws, strict=True):
        np.testing.assert_array_equal(a, b)


# ---- what Keras offers


def branched(trainable=True):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(6, "tanh", name="hidden", trainable=trainable)(inputs)
    outputs = [keras.layers.Dense(1, name=name)(hidden) for name in ("a", "b")]
    return keras.Model(inputs, outputs)


def test_several_outputs_with_weights_of_samples_and_losses():
    ends, histories = {}, {}
    share = np.linspace(0.0, 1.0, len(X)).astype("float32")
    for rho in (None, 0.0, 0.5):
        model = branched()
        optimizer = keras_optim.SGD(0.05) if rho is None else sam(rho)
        model.compile(optimizer, ["mse", "mae"], loss_weights=[1.0, 0.3], metrics=[["mae"], None])
        ready(model)
        history = model.fit(
            X, [Y, 2 * Y], sample_weight=[share, share], batch_size=16, epochs=2, verbose=0
        )
        ends[rho], histories[rho] = weights(model), history.history
    assert difference([ends[0.0]], [ends[None]]) < 1e-6
    assert difference([ends[0.5]], [ends[None]]) > 1e-3
    assert set(histories[None]) >= {"loss", "a_loss", "b_loss", "a_mae"}
    for name, values in histories[None].items():
        assert histories[0.0][name] == pytest.approx(values, rel=1e-5)


def test_frozen_layers_stay():
    model = branched(trainable=False)
    hidden = [np.array(w) for w in model.get_layer("hidden").get_weights()]
    fitted(model, sam(), data=(X, [Y, Y]), loss=["mse", "mse"])
    for before, after in zip(hidden, model.get_layer("hidden").get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    assert difference([weights(model)], [weights(branched(False))]) > 1e-3


def test_accumulated_gradients_are_second_ones():
    """Each batch has an offset of its own; the step takes the mean of the gradients there."""
    model, slow = network(), network()
    fitted(model, sam(rho=0.5, rate=0.05, gradient_accumulation_steps=3))
    sums = None
    for i in range(0, len(X), 16):
        start = weights(slow)
        fitted(slow, sam(rho=0.5, rate=0.05), data=(X[i : i + 16], Y[i : i + 16]))
        moved = [b - a for a, b in zip(start, weights(slow), strict=True)]
        sums = moved if sums is None else [a + b for a, b in zip(sums, moved, strict=True)]
        slow.set_weights(start)
    expected = [a + b / 3 for a, b in zip(start, sums, strict=True)]
    assert difference([weights(model)], [expected]) < 1e-6


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_trains(policy):
    keras.config.set_dtype_policy(policy)
    try:
        model = network(hidden)
        history = fitted(model, sam(rho=0.1), epochs=20)["loss"]
    finally:
        keras.config.set_dtype_policy("float32")
    scaled = isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    assert scaled == (policy == "mixed_float16")
    assert history[-1] < 0.2 * history[0]


@pytest.mark.parametrize("options", [{"loss_scale_factor": 64.0}, {"dynamic": True}])
def test_a_scaled_loss_is_the_same(options):
    models = [network(hidden) for _ in range(2)]
    fitted(models[0], sam())
    optimizer = sam(**{k: v for k, v in options.items() if k != "dynamic"})
    if "dynamic" in options:
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=64.0)
    fitted(models[1], optimizer)
    assert distance(*models) < 1e-6
    assert distance(models[0], network(hidden)) > 1e-3


def test_an_overflow_in_the_second_pass_alone_leaves_the_first_gradient():
    """Keras looks at the first gradient, to scale the loss; the second must not make a NaN."""

    def steep(y, predicted):
        error = keras.ops.mean(keras.ops.square(predicted - y))
        return keras.ops.where(error > 100.0, keras.ops.exp(error), error)

    models = []
    for optimizer in (keras_optim.SGD(0.05), sam(rho=1e3)):
        model = network()
        fitted(model, keras.optimizers.LossScaleOptimizer(optimizer), loss=steep)
        models.append(model)
    assert distance(*models) < 1e-6
    alone = network()
    fitted(alone, sam(rho=1e3), loss=steep)
    assert not all(np.all(np.isfinite(w)) for w in weights(alone))


@pytest.mark.skipif(BACKEND == "torch", reason="PyTorch has one step an execution; see below")
@pytest.mark.parametrize("options", [{"jit_compile": True}, {"steps_per_execution": 3}])
def test_compiled_steps_are_the_same(options):
    models = []
    for compiled in ({"jit_compile": False}, options, {"run_eagerly": True}):
        model = network(hidden)
        fitted(model, sam(), epochs=2, **compiled)
        models.append(model)
    assert distance(models[0], models[1]) < 1e-6
    assert distance(models[0], models[2]) < 1e-6


def test_norms_are_those_of_the_step():
    """The norm of the second gradient is recorded, of which the rate makes the update."""
    log = keras_optim.callbacks.LogTraining()
    model = network(hidden)
    model.compile(sam(rate=0.05), "mse")
    history = keras_optim.two_pass(model).fit(X, Y, callbacks=[log], verbose=0).history
    assert history["gradient_norm"][0] > 0
    assert history["update_norm"][0] == pytest.approx(0.05 * history["gradient_norm"][0], rel=1e-4)


def test_embeddings_train():
    """TensorFlow has sparse gradients of them in both passes."""
    keras.utils.set_random_seed(0)
    words = np.arange(64).reshape(16, 4) % 11
    layers = [keras.layers.Embedding(11, 5), keras.layers.Flatten(), keras.layers.Dense(1)]
    model = keras.Sequential([keras.Input((4,), dtype="int32"), *layers])
    data = (words, np.sum(words, axis=1, keepdims=True) / 20.0)
    history = fitted(model, sam(rho=0.1), epochs=30, data=data)["loss"]
    assert history[-1] < 0.3 * history[0]


def test_train_on_batch_is_a_step_of_fit():
    models = [network(hidden) for _ in range(2)]
    for model in models:
        model.compile(sam(), "mse")
        keras_optim.two_pass(model)
    models[0].fit(X, Y, batch_size=16, epochs=1, shuffle=False, verbose=0)
    for i in range(0, len(X), 16):
        models[1].train_on_batch(X[i : i + 16], Y[i : i + 16])
    assert distance(*models) < 1e-6


class Loop(keras.Model):
    """A subclass with losses and a mask of its own."""

    def __init__(self):
        super().__init__()
        self.hidden = keras.layers.Dense(6, activity_regularizer=keras.regularizers.L2(0.1))
        self.out = keras.layers.Dense(1)

    def call(self, x):
        y = self.hidden(x)
        self.add_loss(0.01 * keras.ops.mean(keras.ops.square(y)))
        return self.out(y)


def test_subclasses_and_losses_that_layers_add():
    keras.utils.set_random_seed(0)
    ends = []
    for optimizer in (keras_optim.SGD(0.05), sam(rho=0.0), sam(rho=0.5)):
        keras.utils.set_random_seed(0)
        model = Loop()
        history = fitted(model, optimizer, epochs=3)["loss"]
        assert history[-1] < history[0]
        ends.append(weights(model))
    assert difference(ends[:1], ends[1:2]) < 1e-6
    assert difference(ends[:1], ends[2:]) > 1e-3


def test_other_optimizers_train_as_before():
    models = [network(hidden) for _ in range(2)]
    for model in models:
        model.compile("sgd", "mse")
    keras_optim.two_pass(models[1])
    for model in models:
        model.fit(X, Y, batch_size=16, shuffle=False, verbose=0)
    assert distance(*models) == 0.0


# ---- what is refused


def test_a_plain_model_says_which_line_is_missing(tmp_path):
    model = network()
    model.compile(sam(), "mse")
    before = weights(model)
    with pytest.raises(ValueError, match=r"SAM: each step needs a.*keras_optim.two_pass\(model\)"):
        model.fit(X, Y, verbose=0)
    assert difference([weights(model)], [before]) == 0.0
    keras_optim.two_pass(model).fit(X, Y, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    with pytest.raises(ValueError, match=r"SAM: each step needs a.*keras_optim.two_pass\(model\)"):
        loaded.fit(X, Y, verbose=0)


def test_what_cannot_have_two_passes():
    class Own(keras.Model):
        def train_step(self, *args):
            return {}

    with pytest.raises(TypeError, match="two_pass: `model` must be a Keras model. Received: 3"):
        keras_optim.two_pass(3)
    with pytest.raises(ValueError, match=r"two_pass: Own has a `train_step` of its own.*apply\("):
        keras_optim.two_pass(Own())
