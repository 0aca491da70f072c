"""What is logged of training, on the backend at hand."""

import math
from itertools import pairwise

import keras
import numpy as np
import pytest

import keras_optim
from keras_optim.callbacks import LogTraining
from keras_optim.engine import norms
from keras_optim.schedules import Cyclic
from keras_optim.variables.layer_names import layer_names
from tests.wrappers.test_averaging import same
from tests.wrappers.test_rate_multipliers import data, model_of


def compiled(optimizer, **options):
    model = model_of(["one", "two"])
    model.compile(optimizer, "mse", **options)
    return model


class Weights(keras.callbacks.Callback):
    """Notes the weights after each batch."""

    def __init__(self):
        super().__init__()
        self.path = []

    def on_train_begin(self, logs=None):
        self.path.append(self.model.get_weights())

    def on_train_batch_end(self, batch, logs=None):
        if keras.backend.backend() == "jax":
            self.model.jax_state_sync()
        self.path.append(self.model.get_weights())


def distances(path):
    return [
        math.sqrt(sum(np.sum((a - b) ** 2) for a, b in zip(*pair, strict=True)))
        for pair in pairwise(path)
    ]


@pytest.mark.parametrize("jit_compile", [False, "auto"])
@pytest.mark.parametrize("per_batch", [False, True])
def test_norms_and_rate_of_plain_descent(per_batch, jit_compile):
    """Each update of SGD is the rate times the gradient: three numbers that check each other."""
    x, y = data()
    rates = Cyclic(0.1, 0.3, 2)
    model = compiled(keras_optim.SGD(rates), jit_compile=jit_compile)
    log, weights = LogTraining(per_batch=per_batch), Weights()
    callbacks = [log, weights] if per_batch else [log]
    history = model.fit(
        x, y, batch_size=4, epochs=3, shuffle=False, verbose=0, callbacks=callbacks
    ).history
    used = [float(keras.ops.convert_to_numpy(rates(t))) for t in range(12)]
    assert history["learning_rate"] == used[3::4]
    if per_batch:
        assert log.batches["learning_rate"] == used
        np.testing.assert_allclose(log.batches["update_norm"], distances(weights.path), rtol=1e-4)
        products = np.array(log.batches["gradient_norm"]) * used
        np.testing.assert_allclose(log.batches["update_norm"], products, rtol=1e-5)
        for name in ("gradient_norm", "update_norm"):
            means = np.mean(np.reshape(log.batches[name], (3, 4)), axis=1)
            np.testing.assert_allclose(history[name], means, rtol=1e-6)
    plain = compiled(keras_optim.SGD(rates), jit_compile=jit_compile)
    plain.fit(x, y, batch_size=4, epochs=3, shuffle=False, verbose=0)
    assert same(plain.get_weights(), model.get_weights())
    assert set(history) == {"loss", *norms.LAST}


@pytest.mark.parametrize("jit_compile", [False, "auto"])
def test_recording_may_begin_after_training_has(jit_compile, tmp_path):
    """The compiled step is made again; and what is saved does not depend on the recording."""
    x, y = data()
    model, plain = (compiled(keras_optim.Adam(0.1), jit_compile=jit_compile) for _ in range(2))
    for m, callbacks in ((model, [LogTraining()]), (plain, [])):
        for these in ([], callbacks, callbacks):
            history = m.fit(x, y, shuffle=False, verbose=0, callbacks=these).history
        if callbacks:
            assert history["gradient_norm"][0] > 0 and history["update_norm"][0] > 0
    assert same(plain.get_weights(), model.get_weights())
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for m, callbacks in ((model, []), (loaded, [LogTraining()])):
        m.fit(x, y, shuffle=False, verbose=0, callbacks=callbacks)
    assert same(loaded.get_weights(), model.get_weights())


def test_the_gradient_is_measured_before_clipping_and_after_unscaling():
    x, y = data()
    norms = []
    for options in ({}, {"global_clipnorm": 0.1}, {"loss_scale_factor": 64.0}):
        model, log = compiled(keras_optim.SGD(0.1, **options)), LogTraining(per_batch=True)
        model.fit(x, y, verbose=0, callbacks=[log])
        norms.append([log.batches[n][0] for n in ("gradient_norm", "update_norm")])
    assert norms[0][0] == pytest.approx(norms[1][0], rel=1e-6)
    assert norms[0] == pytest.approx(norms[2], rel=1e-6)
    assert norms[1][1] == pytest.approx(0.01, rel=1e-4)


def test_with_wrappers_loss_scale_and_accumulation():
    x, y = data()
    for optimizer in (
        keras_optim.Lookahead(keras_optim.SkipNonFinite(keras_optim.Adam())),
        keras.optimizers.LossScaleOptimizer(keras_optim.Adam(), initial_scale=8.0),
        keras_optim.Adam(gradient_accumulation_steps=2),
    ):
        model = compiled(optimizer)
        history = model.fit(x, y, batch_size=4, epochs=2, verbose=0, callbacks=[LogTraining()])
        recorded = np.array([history.history[n] for n in norms.LAST])
        assert np.all(np.isfinite(recorded)) and np.all(recorded > 0)


def nested(optimizer, **options):
    """Three layers named `one`, two of them in models of their own, one without a gradient."""
    keras.utils.set_random_seed(0)

    class Ignored(keras.layers.Layer):
        def build(self, shape):
            self.inner = keras.layers.Dense(3, name="one")
            self.inner.build(shape)

        def call(self, x):
            return x + 0 * keras.ops.stop_gradient(self.inner(x))

    inner = [
        keras.Sequential([keras.Input((3,)), keras.layers.Dense(3, "tanh", name="one")], name=name)
        for name in ("left", "right")
    ]
    outer = [keras.Input((3,)), *inner, Ignored(name="ignored"), keras.layers.Dense(3, name="one")]
    model = keras.Sequential(outer)
    model.compile(optimizer, "mse", **options)
    return model


LAYERS = ["left/one", "right/one", "ignored", "one"]


@pytest.mark.parametrize("jit_compile", [False, "auto"])
@pytest.mark.filterwarnings("ignore:Gradients do not exist")
def test_norms_by_layer(jit_compile):
    x, y = data()
    optimizer = keras_optim.SGD(0.5, global_clipnorm=0.01)
    model, plain = (nested(o, jit_compile=jit_compile) for o in (optimizer, keras_optim.SGD(0.5)))
    log = LogTraining(per_batch=True, per_layer=True)
    history = model.fit(
        x, y, batch_size=4, epochs=2, shuffle=False, verbose=0, callbacks=[log]
    ).history
    names = {f"{norm}/{layer}" for norm in ("gradient_norm", "update_norm") for layer in LAYERS}
    assert set(history) == {"loss", *norms.LAST, *names}
    assert set(log.batches) == {*norms.LAST, *names}
    for norm in ("gradient_norm", "update_norm"):
        layers = np.array([log.batches[f"{norm}/{layer}"] for layer in LAYERS])
        assert np.all(layers[2] == 0) and np.all(layers[[0, 1, 3]] > 0)
        np.testing.assert_allclose(np.sqrt(np.sum(layers**2, axis=0)), log.batches[norm], rtol=1e-5)
        np.testing.assert_allclose(
            [history[f"{norm}/{layer}"] for layer in LAYERS],
            layers.reshape(4, 2, -1).mean(axis=2), rtol=1e-5,
        )  # fmt: skip
    clipped = np.array([log.batches[f"update_norm/{layer}"] for layer in LAYERS])
    whole = np.array([log.batches[f"gradient_norm/{layer}"] for layer in LAYERS])
    expected = 0.005 * whole / log.batches["gradient_norm"]
    # An update is the difference of two weights near 1, each rounded to 6e-8.
    np.testing.assert_allclose(clipped, expected, rtol=0.0, atol=1e-7)
    # The first gradient, from the first step of plain descent.
    before = plain.get_weights()
    plain.fit(x[:4], y[:4], batch_size=4, shuffle=False, verbose=0)
    moved = [(b - a) / 0.5 for a, b in zip(plain.get_weights(), before, strict=True)]
    for i, layer in enumerate(LAYERS):
        expected = math.sqrt(sum(np.sum(m**2) for m in moved[2 * i : 2 * i + 2]))
        assert log.batches[f"gradient_norm/{layer}"][0] == pytest.approx(
            expected, rel=1e-6, abs=5e-7
        )


def test_norms_by_layer_change_nothing_and_may_begin_later(tmp_path):
    x, y = data()
    model, plain = (compiled(keras_optim.EMA(keras_optim.Adam(0.1))) for _ in range(2))
    for m, callbacks in ((model, [[], [LogTraining()], [LogTraining(per_layer=True)]]),
                         (plain, [[], [], []])):  # fmt: skip
        for these in callbacks:
            history = m.fit(x, y, shuffle=False, verbose=0, callbacks=these).history
        if callbacks[1]:
            assert history["gradient_norm/one"][0] > 0 and history["update_norm/two"][0] > 0
    for a, b in zip(plain.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)  # on PyTorch: not natively
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert same(loaded.get_weights(), model.get_weights())
    with pytest.raises(TypeError, match="LogTraining: `per_layer` must be True or False"):
        LogTraining(per_layer="yes")


def test_names_of_layers_are_never_shared():
    class Twins(keras.Model):
        def __init__(self):
            super().__init__(name="twins")
            self.a, self.b = (
                keras.Sequential([keras.layers.Dense(2, name="d")], name="s") for _ in range(2)
            )
            self.scale = self.add_weight(shape=(), name="scale")
            self.again = self.a

        def call(self, x):
            return self.scale * self.b(self.a(x))

    model = Twins()
    model(np.ones((1, 2)))
    other = keras.Variable(1.0, name="other")
    found = layer_names(model, [*model.a.variables, *model.b.variables, model.scale, other])
    assert found == ["s/d", "s/d", "s/d_2", "s/d_2", "twins", other.path]


INSIDE = {
    "plain": lambda rule: rule,
    "EMA": keras_optim.EMA,
    "SWA": lambda rule: keras_optim.SWA(rule, start_step=1),
    "Lookahead": keras_optim.Lookahead,
    "Centralization": keras_optim.Centralization,
    "AdaptiveClipping": keras_optim.AdaptiveClipping,
    "SkipNonFinite": keras_optim.SkipNonFinite,
    "GradientNoise": keras_optim.GradientNoise,
    "LazyRows": lambda rule: keras_optim.LazyRows(rule, ["kernel"]),
    "RateMultipliers": lambda rule: keras_optim.RateMultipliers(rule, {"kernel": 2.0}),
}


@pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="the same code on each backend; this is the fastest"
)
@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("name", INSIDE)
def test_the_rate_has_the_name_that_other_callbacks_look_for(name, scaled):
    x, y = data()
    optimizer = INSIDE[name](keras_optim.Adam(0.25))
    if scaled:
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=2.0)
    model = compiled(optimizer, run_eagerly=True)
    plateau = keras.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=1e9)
    schedule = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate)
    seen = []

    class Reads(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            inner = getattr(model.optimizer, "inner_optimizer", model.optimizer)
            rates = [logs["learning_rate"], model.optimizer.learning_rate, inner.learning_rate]
            seen.append([float(keras.ops.convert_to_numpy(r)) for r in rates])

    callbacks = [LogTraining(), Reads(), schedule, plateau]
    history = model.fit(x, y, epochs=4, verbose=0, callbacks=callbacks).history
    assert seen == [[rate] * 3 for rate in (0.25, 0.25, 0.125, 0.0625)]
    assert set(history) == {"loss", *norms.LAST}


def test_logging_needs_an_optimizer_of_ours():
    x, y = data()
    with pytest.raises(ValueError, match="LogTraining: the model must be compiled with an optim"):
        compiled(keras.optimizers.Adam()).fit(x, y, verbose=0, callbacks=[LogTraining()])


def test_logs_reach_the_callbacks_after_it(tmp_path):
    x, y = data()
    path = tmp_path / "log.csv"
    callbacks = [LogTraining(), keras.callbacks.CSVLogger(path)]
    compiled(keras_optim.Adam()).fit(x, y, verbose=0, callbacks=callbacks)
    assert path.read_text().startswith("epoch,gradient_norm,learning_rate,loss,update_norm")
