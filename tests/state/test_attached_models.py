"""Models that use evaluation weights by themselves, in `fit` and in loops, and their statistics."""

import copy
import warnings

import keras
import numpy as np
import pytest

import keras_optim
from keras_optim.callbacks import EvaluateAveraged
from keras_optim.state import attached
from tests.conftest import one_backend
from tests.state.test_evaluation_weights import Seen, X, Y, fit, normalised
from tests.wrappers.test_averaging import averaged_model, same

pytestmark = pytest.mark.filterwarnings("ignore:.*statistics of batch normalisation")


def trained(kind):
    """Return a model with one of the optimizers that keep evaluation weights."""
    inner = keras_optim.Adam(0.05)
    return averaged_model(
        {
            "ema": lambda: keras_optim.EMA(inner, decay=0.8),
            "schedule-free": lambda: keras_optim.ScheduleFreeAdamW(0.1, warmup_steps=3),
            "wrapper": lambda: keras_optim.ScheduleFree(keras_optim.Centralization(inner)),
            "scaled": lambda: keras.optimizers.LossScaleOptimizer(
                keras_optim.ScheduleFreeSGD(0.3, gradient_accumulation_steps=3)
            ),
            "routed": lambda: keras_optim.Route(
                {"one": keras_optim.ScheduleFreeRAdam(0.1), ".": keras_optim.EMA(inner)}
            ),
        }[kind](),
    )


KINDS = ["schedule-free", *(pytest.param(k, marks=one_backend) for k in (
    "ema", "wrapper", "scaled", "routed"))]  # fmt: skip


@pytest.mark.parametrize("jit_compile", ["auto", pytest.param(False, marks=one_backend)])
@pytest.mark.parametrize("kind", KINDS)
def test_two_fits_are_one(kind, jit_compile, tmp_path):
    """Validated are the evaluation weights, and trained the others, with the callback and without:
    in the first `fit`, the second, and one of a loaded model.
    """
    plain, whole, twice = trained(kind), trained(kind), trained(kind)
    for model in (plain, whole, twice):
        model.compile(model.optimizer, "mse", jit_compile=jit_compile)
    options = {"validation_split": 0.25, "verbose": 0, "shuffle": False, "batch_size": 4}
    given = plain.fit(X, Y, epochs=4, callbacks=[EvaluateAveraged()], **options).history
    seen = whole.fit(X, Y, epochs=4, **options).history
    first = twice.fit(X, Y, epochs=2, **options).history
    twice.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert same(loaded.get_weights(), twice.get_weights())
    second = twice.fit(X, Y, epochs=2, **options).history
    third = loaded.fit(X, Y, epochs=2, **options).history
    assert seen == given
    assert seen["val_loss"] == first["val_loss"] + second["val_loss"]
    assert second == third
    for model in (plain, twice, loaded):
        assert same(model.get_weights(), whole.get_weights())
    test = whole.evaluate(X[12:], Y[12:], verbose=0)
    assert test == pytest.approx(seen["val_loss"][-1], rel=1e-6)


@pytest.mark.parametrize("validated", [True, False])
def test_checkpoints_and_the_best_epoch_without_the_callback(validated, tmp_path):
    model, seen = trained("schedule-free"), Seen()
    monitor = "val_loss" if validated else "loss"
    stop = keras.callbacks.EarlyStopping(monitor, mode="max", restore_best_weights=True)
    path = str(tmp_path / "{epoch}.weights.h5")
    each = keras.callbacks.ModelCheckpoint(path, save_weights_only=True)
    validation = {"validation_data": (X, Y)} if validated else {}
    history = fit(model, [stop, seen, each], **validation)
    assert same(model.get_weights(), seen.weights[stop.best_epoch])
    expected, reference = trained("schedule-free"), Seen()
    fit(expected, [EvaluateAveraged(), reference], epochs=len(seen.weights))
    other = trained("schedule-free")
    for epoch, weights in enumerate(reference.weights, start=1):
        other.load_weights(path.format(epoch=epoch))
        assert same(other.get_weights(), weights) and same(seen.weights[epoch - 1], weights)
        if validated:
            loss = history["val_loss"][epoch - 1]
            assert other.evaluate(X, Y, verbose=0) == pytest.approx(loss, rel=1e-6)
    other.load_weights(path.format(epoch=1))
    fit(other, [], epochs=len(seen.weights) - 1)  # its optimizer was not built before
    assert same(other.get_weights(), expected.get_weights())


def test_methods_of_a_loop(tmp_path):
    """`train_on_batch` trains from the training weights; everything else uses the others."""
    model, plain = trained("schedule-free"), trained("schedule-free")
    for m in (model, plain):
        for _ in range(3):
            m.train_on_batch(X, Y)
    trained_weights = model.get_weights()
    model.save(tmp_path / "model.keras")
    with keras_optim.evaluation_weights(model):
        averages = model.get_weights()
        loss, predicted = model.evaluate(X, Y, verbose=0), model.predict(X, verbose=0)
    assert not same(averages, trained_weights)
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert same(loaded.get_weights(), averages)
    assert model.evaluate(X, Y, verbose=0) == loss
    assert float(model.test_on_batch(X, Y)) == pytest.approx(loss, rel=1e-6)
    np.testing.assert_array_equal(model.predict(X, verbose=0), predicted)
    np.testing.assert_allclose(model.predict_on_batch(X), predicted, rtol=1e-5, atol=1e-6)
    assert same(model.get_weights(), trained_weights)
    for m in (model, plain, loaded):
        m.train_on_batch(X, Y)
    assert same(model.get_weights(), plain.get_weights())
    assert same(loaded.get_weights(), plain.get_weights())
    fit(loaded, [], epochs=1)
    fit(plain, [], epochs=1)
    loaded.train_on_batch(X, Y)  # after a `fit`, whose end left the evaluation weights
    plain.train_on_batch(X, Y)
    assert same(loaded.get_weights(), plain.get_weights())


def test_other_optimizers_and_copies():
    model = trained("schedule-free")
    fit(model, [], epochs=1)
    again = copy.deepcopy(model)
    assert attached.is_bound(again) and vars(again)["save"] is not vars(model)["save"]
    for m in (model, again):
        fit(m, [], epochs=1)
    assert same(model.get_weights(), again.get_weights())
    model.compile(keras_optim.Adam(0.1), "mse")
    before = model.evaluate(X, Y, verbose=0)
    fit(model, [], epochs=1)
    assert model.evaluate(X, Y, verbose=0) != before
    plain = averaged_model(keras_optim.Adam(0.1))
    fit(plain, [], epochs=1)
    assert not attached.is_bound(plain)


def test_the_context_manager():
    optimizer = keras_optim.ScheduleFreeSGD(1.0)
    x = keras.Variable([0.0])
    with keras_optim.evaluation_weights(optimizer):  # not built: nothing happens
        pass
    for _ in range(2):
        optimizer.apply([keras.ops.ones((1,))], [x])
    start = x.numpy()
    with pytest.raises(OSError), keras_optim.evaluation_weights(optimizer):
        assert x.numpy() == pytest.approx(-1.5)
        with keras_optim.evaluation_weights(optimizer):
            assert x.numpy() == pytest.approx(-1.5)
        assert x.numpy() == pytest.approx(-1.5)
        raise OSError
    assert np.array_equal(x.numpy(), start)
    with keras_optim.evaluation_weights(keras_optim.Adam()):
        pass
    for wrong in (keras.optimizers.Adam(), None, averaged_model(keras.optimizers.Adam())):
        with (
            pytest.raises(ValueError, match="evaluation_weights: `of` must be"),
            keras_optim.evaluation_weights(wrong),
        ):
            pass


# ---- batch normalisation


def test_statistics_that_do_not_fit_are_told_once():
    message = "EMA: the model is tested with evaluation.*EvaluateAveraged"
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        fit(normalised(), [EvaluateAveraged(X)])
        frozen = normalised()
        frozen.layers[1].trainable = False
        fit(frozen, [])
        model = normalised()
        with pytest.warns(UserWarning, match=message):
            fit(model, [])
        fit(model, [])


def test_the_context_manager_brings_statistics_back():
    model, plain = (normalised(keras_optim.ScheduleFreeSGD(0.3)) for _ in range(2))
    for _ in range(4):
        model.train_on_batch(X, Y)
        plain.train_on_batch(X, Y)
    with keras_optim.evaluation_weights(model):
        keras_optim.callbacks.update_batch_statistics(model, X)
        assert not same(model.get_weights(), plain.get_weights())
    assert same(model.get_weights(), plain.get_weights())


def test_statistics_of_the_evaluation_weights_are_better():
    """Schedule-Free on two moons of noise: the loss with the statistics of x, and of y."""
    random = np.random.default_rng(0)
    x = random.normal(size=(512, 8)).astype("float32")
    y = (np.sin(2 * x[:, :1]) + x[:, 1:2] * x[:, 2:3]).astype("float32")
    losses = []
    for averaged in (EvaluateAveraged(data=x), EvaluateAveraged()):
        keras.utils.set_random_seed(0)
        layers = [
            keras.layers.Dense(32, "relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(32, "relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(1),
        ]
        model = keras.Sequential([keras.Input((8,)), *layers])
        model.compile(keras_optim.ScheduleFreeAdamW(0.03), "mse")
        options = {"epochs": 5, "batch_size": 32, "shuffle": False, "verbose": 0}
        model.fit(x, y, callbacks=[averaged], **options)
        losses.append(model.evaluate(x, y, verbose=0))
    assert losses[0] < 0.9 * losses[1], losses
