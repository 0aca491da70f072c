"""What is logged of training, and the search for a rate, on the backend at hand."""

import contextlib
import linecache
import math
import sys
import warnings
from itertools import pairwise

import keras
import numpy as np
import pytest

import keras_optim
from keras_optim import recording
from keras_optim.callbacks import LearningRateFinder, LogTraining
from keras_optim.layer_names import layer_names
from keras_optim.schedules import Cyclic
from tests.test_averaging import same
from tests.test_rate_multipliers import data, model_of
from tests.trajectories import numbers

# ---- LogTraining


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
    assert set(history) == {"loss", *recording.LAST}


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
        norms = np.array([history.history[n] for n in recording.LAST])
        assert np.all(np.isfinite(norms)) and np.all(norms > 0)


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
    assert set(history) == {"loss", *recording.LAST, *names}
    assert set(log.batches) == {*recording.LAST, *names}
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
    np.testing.assert_allclose(clipped, 0.005 * whole / log.batches["gradient_norm"], rtol=1e-3)
    # The first gradient, from the first step of plain descent.
    before = plain.get_weights()
    plain.fit(x[:4], y[:4], batch_size=4, shuffle=False, verbose=0)
    moved = [(b - a) / 0.5 for a, b in zip(plain.get_weights(), before, strict=True)]
    for i, layer in enumerate(LAYERS):
        expected = math.sqrt(sum(np.sum(m**2) for m in moved[2 * i : 2 * i + 2]))
        assert log.batches[f"gradient_norm/{layer}"][0] == pytest.approx(expected, rel=1e-4)


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
    assert set(history) == {"loss", *recording.LAST}


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


# ---- LearningRateFinder


def noisy_model(optimizer, **options):
    """With state of every kind: dropout's seed, batch normalisation's statistics."""
    keras.utils.set_random_seed(0)
    layers = [
        keras.layers.Dense(8, "tanh"),
        keras.layers.BatchNormalization(),
        keras.layers.Dropout(0.2, seed=1),
        keras.layers.Dense(3),
    ]
    model = keras.Sequential([keras.Input((3,)), *layers])
    model.compile(optimizer, "mse", **options)
    return model


def long_data():
    x = np.random.default_rng(0).normal(size=(256, 3)).astype("float32")
    return x, x[:, ::-1].copy()


def state(model):
    return [numbers([v])[0] for v in (*model.variables, *model.optimizer.variables)]


@pytest.mark.parametrize("jit_compile", [False, "auto"])
@pytest.mark.parametrize("kind", ["ours", "averaging", "keras", "scaled"])
def test_everything_is_as_before_the_search(kind, jit_compile):
    x, y = long_data()
    optimizer = {
        "ours": lambda: keras_optim.Adam(0.003),
        "averaging": lambda: keras_optim.EMA(keras_optim.Adam(0.003)),
        "keras": lambda: keras.optimizers.Adam(0.003),
        "scaled": lambda: keras.optimizers.LossScaleOptimizer(keras_optim.Adam(0.003)),
    }[kind]
    models = [noisy_model(optimizer(), jit_compile=jit_compile) for _ in range(2)]
    finder = LearningRateFinder(1e-5, 10.0, steps=20)
    for model in models:
        model.fit(x, y, batch_size=32, epochs=1, shuffle=False, verbose=0)
    before = state(models[0])
    models[0].fit(x, y, batch_size=32, epochs=9, verbose=0, callbacks=[finder])
    assert same(state(models[0]), before)
    assert len(finder.rates) == len(finder.losses) == 20
    for model in models:
        model.fit(x, y, batch_size=32, epochs=1, shuffle=False, verbose=0)
    assert same(state(models[0]), state(models[1]))


def test_before_the_first_step_as_well():
    x, y = long_data()
    searched, plain = (noisy_model(keras_optim.Adam(0.003)) for _ in range(2))
    searched.fit(x, y, batch_size=32, epochs=2, verbose=0, callbacks=[LearningRateFinder()])
    for model in (searched, plain):
        model.fit(x, y, batch_size=32, shuffle=False, verbose=0)
    assert same(state(searched), state(plain))


def test_rates_and_losses_are_those_of_each_batch():
    """The losses of plain descent with these rates, made by hand."""
    x, y = long_data()
    model, by_hand = compiled(keras_optim.SGD(0.1)), compiled(keras_optim.SGD(0.1))
    finder = LearningRateFinder(1e-3, 1.0, steps=40)
    model.fit(x, y, batch_size=64, epochs=3, shuffle=False, verbose=0, callbacks=[finder])
    np.testing.assert_allclose(finder.rates, np.geomspace(1e-3, 1.0, 12), rtol=1e-6)
    losses = []
    for i, rate in enumerate(finder.rates):
        by_hand.optimizer.learning_rate = rate
        rows = slice(64 * (i % 4), 64 * (i % 4) + 64)
        by_hand.reset_metrics()
        losses.append(by_hand.train_on_batch(x[rows], y[rows]))
    np.testing.assert_allclose(finder.losses, losses, rtol=1e-5)


def quadratic():
    """A loss whose steepest fall and explosion are known: one weight, curvature 2."""
    keras.utils.set_random_seed(0)
    layer = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")
    model = keras.Sequential([keras.Input((1,)), layer])
    model.compile(keras_optim.SGD(0.1), "mse")
    return model, np.ones((400, 1), "float32"), np.zeros((400, 1), "float32")


def test_the_suggestion_lies_between_fall_and_rise():
    model, x, y = quadratic()
    finder = LearningRateFinder(1e-5, 100.0, steps=100)
    model.fit(x, y, batch_size=4, verbose=0, callbacks=[finder])
    weight, losses = 1.0, []
    for rate in np.geomspace(1e-5, 100.0, 100)[: len(finder.rates)]:
        losses.append(weight**2)
        weight -= rate * 2 * weight
    np.testing.assert_allclose(finder.losses, losses, rtol=1e-2, atol=1e-12)
    assert len(finder.losses) < 100  # it saw the explosion and stopped
    assert 0.1 < finder.suggestion < 0.5  # one over the curvature; above 1 it diverges


def sweep(losses):
    """A finder that has seen these losses."""
    finder = LearningRateFinder(1e-5, 1.0, steps=len(losses))
    finder.rates, finder.losses = list(np.geomspace(1e-5, 1.0, len(losses))), list(losses)
    return finder


def falling(noise, seed):
    """Level until 1e-3, lowest at 1e-1, then rising; with noise."""
    where = np.log10(np.geomspace(1e-5, 1.0, 100))
    losses = np.interp(where, [-5, -3, -1, 0], [2.0, 2.0, 1.0, 9.0])
    return losses + noise * np.random.default_rng(seed).normal(size=100)


def test_noise_does_not_move_the_suggestion():
    exact = sweep(falling(0.0, 0)).suggestion
    assert 0.01 < exact <= 0.1 / 5 * 1.2
    for seed in range(20):
        assert 1 / 3 < sweep(falling(0.2, seed)).suggestion / exact < 3


def test_an_abrupt_rise_leaves_a_distance():
    """All of the fall within a factor of two of the rate of the lowest loss."""
    losses = np.interp(np.arange(100), [0, 76, 80, 99], [2.0, 2.0, 0.1, 30.0])
    finder = sweep(losses)
    assert finder.suggestion <= finder.rates[80] / 4


def test_when_there_is_nothing_to_suggest():
    model, x, y = quadratic()
    finder = LearningRateFinder(2.0, 100.0, steps=20)
    with pytest.raises(ValueError, match="run `fit` with this callback first"):
        _ = finder.suggestion
    model.fit(x, y, batch_size=4, verbose=0, callbacks=[finder])
    with pytest.raises(ValueError, match=r"the loss never fell|run `fit`"):
        _ = finder.suggestion
    for losses in ([1.0] * 50, range(1, 51), [*np.random.default_rng(0).normal(2, 0.3, 100)]):
        with pytest.raises(ValueError, match="never fell clearly above its noise; look at `plot`"):
            _ = sweep(losses).suggestion


# ---- LearningRateFinder: whatever ends `fit`


class Stop(keras.callbacks.Callback):
    """Raises at the given time in the given hook."""

    def __init__(self, error, hook, count):
        super().__init__()
        self.left = count

        def failing(*args, **kwargs):
            self.left -= 1
            if not self.left:
                raise error

        setattr(self, hook, failing)


class FailingLayer(keras.layers.Layer):
    """Raises inside the train step, in eager mode, when it is told to."""

    left = 0

    def call(self, x):
        type(self).left -= 1
        if type(self).left == 0:
            raise KeyboardInterrupt
        return 1.0 * x


def interrupted(optimizer, error=None, hook=None, count=1, data=None):
    """Weights and state before and after an interrupted search, and the model."""
    x, y = long_data()
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(4, "tanh"), keras.layers.BatchNormalization(), FailingLayer()]
    model = keras.Sequential([keras.Input((3,)), *layers, keras.layers.Dense(3)])
    model.compile(optimizer, "mse", run_eagerly=True)
    model.fit(x[:64], y[:64], verbose=0)
    before = state(model)
    FailingLayer.left = -1 if hook else count
    callbacks = [LearningRateFinder(1e-3, 10.0), *([Stop(error, hook, count)] if hook else [])]
    errors = (KeyboardInterrupt, OSError)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        errors += (tf.errors.UnknownError,)  # in its place, where the data are read
    with pytest.raises(errors):
        model.fit(*(data or (x, y)), epochs=9, verbose=0, callbacks=callbacks)
    return before, model


def check_nothing_is_left(before, model):
    """The state is that before, and the next `fit` is a plain one."""
    assert same(state(model), before)
    x, y = long_data()
    model.fit(x, y, verbose=0)
    assert not {"make_train_function"} & set(vars(model))
    assert not {"finalize_variable_values"} & set(vars(model.optimizer))
    assert not same(state(model), before)
    for kept, value in zip(before, state(model), strict=True):
        assert np.all(np.isfinite(value)) and kept.shape == value.shape


HOOKS = [
    ("on_train_begin", 1),
    ("on_epoch_begin", 2),
    ("on_train_batch_begin", 1),
    ("on_train_batch_begin", 3),
    ("on_train_batch_end", 1),
    ("on_train_batch_end", 12),
    ("on_epoch_end", 1),
]


@pytest.mark.parametrize(("hook", "count"), HOOKS)
def test_an_error_in_another_callback(hook, count):
    check_nothing_is_left(*interrupted(keras_optim.Adam(0.003), OSError, hook, count))


@pytest.mark.parametrize("count", [1, 5])
def test_an_interruption_inside_the_train_step(count):
    check_nothing_is_left(*interrupted(keras_optim.SGD(0.003, momentum=0.9), count=count))


@pytest.mark.parametrize("kind", ["averaging", "keras", "scaled"])
def test_an_interruption_with_other_optimizers(kind):
    optimizer = {
        "averaging": lambda: keras_optim.EMA(keras_optim.Adam(0.003)),
        "keras": lambda: keras.optimizers.Adam(0.003, use_ema=True),
        "scaled": lambda: keras.optimizers.LossScaleOptimizer(keras_optim.Adam(0.003)),
    }[kind]()
    before, model = interrupted(optimizer, KeyboardInterrupt, "on_train_batch_end", 5)
    check_nothing_is_left(before, model)


def test_an_error_in_the_data():
    class Broken(keras.utils.PyDataset):
        def __len__(self):
            return 8

        def __getitem__(self, index):
            if index == 4:
                raise OSError
            return tuple(a[:8] for a in long_data())

    check_nothing_is_left(*interrupted(keras_optim.Adam(0.003), OSError, "x", data=(Broken(),)))


def interrupt_at(line, action):
    """Run `action` with Ctrl-C before the given line of `sweep.py`, counted as they run."""
    left = [line]

    def trace(frame, event, argument):
        if not frame.f_code.co_filename.endswith("sweep.py"):
            return None
        source = linecache.getline(frame.f_code.co_filename, frame.f_lineno)
        # Python checks for signals where it calls and loops, not where it leaves a `with`.
        if event == "line" and not source.strip().startswith("with "):
            left[0] -= 1
            if left[0] == 0:
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        action()
    finally:
        sys.settrace(before)
    return left[0] > 0


def test_an_interruption_at_any_line():
    x, y = long_data()
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3)])
    model.compile(keras_optim.SGD(0.003), "mse")
    model.fit(x, y, verbose=0)
    before, lines, ended = state(model), 0, False
    while not ended:
        lines += 7
        finder = LearningRateFinder(1e-2, 1.0)

        def search(finder=finder):
            model.fit(x, y, batch_size=128, verbose=0, callbacks=[finder])

        with contextlib.suppress(KeyboardInterrupt):
            ended = interrupt_at(lines, search)
        assert same(state(model), before), lines
    assert lines > 100 and len(finder.losses) == 2


def test_data_of_unknown_length_end_an_epoch_and_not_the_search():
    x, y = long_data()
    model = noisy_model(keras_optim.Adam(0.003))
    finder = LearningRateFinder(steps=10)
    model.fit(x, y, verbose=0)
    before = state(model)

    class Sees(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if keras.backend.backend() == "jax":
                self.model.jax_state_sync()
            weights.append(self.model.get_weights())

    weights = []
    rows = ((x[i : i + 32], y[i : i + 32]) for i in range(0, 256, 32))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras says that the data end
        model.fit(rows, epochs=2, verbose=0, callbacks=[finder, Sees()])
    assert 8 <= len(finder.rates) == len(finder.losses)
    assert same(state(model), before)
    assert all(same(seen, model.get_weights()) for seen in weights)


def test_a_model_that_trains_by_other_means():
    class Other(keras.Sequential):
        def fit(self, x, y, callbacks):
            for callback in callbacks:
                callback.set_model(self)
                callback.set_params({})
                callback.on_train_begin()
                callback.on_train_batch_begin(0)
                callback.on_train_batch_end(0, {"loss": 1.0})

    model = Other([keras.Input((3,)), keras.layers.Dense(3)])
    model.compile(keras_optim.SGD(), "mse")
    with pytest.raises(ValueError, match="`fit` must train by `model.train_function`.*a Other"):
        model.fit(*long_data(), callbacks=[LearningRateFinder()])


def test_wrong_uses():
    model, x, y = quadratic()
    with pytest.raises(ValueError, match="`max_learning_rate` must be more than"):
        LearningRateFinder(1.0, 0.1)
    with pytest.raises(ValueError, match="LearningRateFinder: `steps` must be an integer finite"):
        LearningRateFinder(steps=5)
    model.compile(keras_optim.SGD(Cyclic(0.1, 0.2, 3)), "mse")
    with pytest.raises(ValueError, match="the optimizer's `learning_rate` must be a number"):
        model.fit(x, y, verbose=0, callbacks=[LearningRateFinder()])
    model.compile(keras_optim.SGD(0.1), "mse", steps_per_execution=2)
    with pytest.raises(ValueError, match="`steps_per_execution"):
        model.fit(x, y, verbose=0, callbacks=[LearningRateFinder()])


def test_plot(tmp_path):
    matplotlib = pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    finder = sweep(falling(0.1, 0))
    axes = finder.plot(tmp_path / "rates.png")
    assert (tmp_path / "rates.png").read_bytes().startswith(b"\x89PNG")
    assert "suggestion" in axes.texts[0].get_text() and not pyplot.get_fignums()
    figure, ax = pyplot.subplots()
    assert finder.plot(tmp_path / "mine.png", ax=ax) is ax and ax.get_xscale() == "log"
    assert (tmp_path / "mine.png").exists()
    pyplot.close(figure)
    shown = sweep([1.0] * 20).plot()  # nothing to suggest: that is what one wants to see
    assert pyplot.get_fignums() == [shown.figure.number] and not shown.texts
    pyplot.close("all")
    with pytest.raises(ValueError, match="run `fit` with this callback first"):
        LearningRateFinder().plot()
