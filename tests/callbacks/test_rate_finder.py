"""The search for a learning rate: what it suggests, and that it leaves no trace."""

import warnings

import keras
import numpy as np
import pytest

import keras_optim
from keras_optim.callbacks import LearningRateFinder
from keras_optim.schedules import Cyclic
from tests.callbacks.test_callbacks import compiled
from tests.conftest import one_backend
from tests.support.trajectories import numbers
from tests.wrappers.test_averaging import same


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


@pytest.mark.filterwarnings("ignore:.*statistics of batch normalisation")
@pytest.mark.parametrize(
    ("kind", "jit_compile"),
    [
        ("ours", "auto"),
        ("averaging", False),
        ("averaging", "auto"),
        ("keras", "auto"),
        ("scaled", "auto"),
        *(pytest.param(kind, False, marks=one_backend) for kind in ("ours", "keras", "scaled")),
    ],
)
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
    np.testing.assert_allclose(finder.losses, losses, rtol=1e-5, atol=1e-12)
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
    with pytest.raises(ValueError, match="`fit` must call `model.train_function`.*a Other"):
        model.fit(*long_data(), callbacks=[LearningRateFinder()])


def test_wrong_uses():
    model, x, y = quadratic()
    with pytest.raises(ValueError, match="`max_learning_rate` must be more than"):
        LearningRateFinder(1.0, 0.1)
    with pytest.raises(ValueError, match="LearningRateFinder: `steps` must be an integer >="):
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

    pyplot.close("all")
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
