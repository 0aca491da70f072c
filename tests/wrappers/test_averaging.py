"""Weights to test with: the averages themselves, and where they stand in for the weights."""

import keras
import numpy as np
import pytest

import keras_optim
from keras_optim.callbacks import EvaluateAveraged
from keras_optim.state import evaluation_weights
from tests.support.trajectories import (
    RATES,
    difference,
    gradients,
    numbers,
    starts,
    tensor,
    variables,
)
from tests.wrappers.test_rate_multipliers import data, model_of

STEPS, VALUES = gradients(steps=30), starts()


def both_paths(optimizer, steps=STEPS, dtype="float32"):
    """The weights, and the weights to test with, after each step."""
    xs = variables(VALUES, dtype)
    path, averages = [], []
    for gs, rate in zip(steps, RATES, strict=False):
        optimizer.learning_rate = rate
        optimizer.apply([tensor(g, dtype) for g in gs], xs)
        path.append(numbers(xs))
        evaluation_weights.swap_in(optimizer)
        averages.append(numbers(xs))
        evaluation_weights.swap_out(optimizer)
        assert difference([numbers(xs)], path[-1:]) == 0.0
    return path, averages


def ema(path, decay, warmup):
    average, averages = VALUES, []
    for t, xs in enumerate(path, start=1):
        d = min(decay, (1 + t) / (10 + t)) if warmup else decay
        average = [d * a + (1 - d) * x for a, x in zip(average, xs, strict=True)]
        averages.append(average)
    return averages


def swa(path, start, period):
    averages = []
    for t, xs in enumerate(path, start=1):
        chosen = path[start - 1 : t : period]
        averages.append([np.mean(values, axis=0) for values in zip(*chosen)] if chosen else xs)
    return averages


CASES = [
    pytest.param("ema", {"decay": 0.9, "warmup": False}, ema, id="ema"),
    pytest.param("ema", {"decay": 0.6, "warmup": True}, ema, id="ema-warmup"),
    pytest.param("swa", {"start_step": 4, "period": 1}, swa, id="swa"),
    pytest.param("swa", {"start_step": 1, "period": 5}, swa, id="swa-period"),
]


@pytest.mark.parametrize(("name", "case", "reference"), CASES)
def test_float64(name, case, reference, float64):
    optimizer = keras_optim.get(name, inner=keras_optim.SGD(0.1, momentum=0.5), **case)
    path, averages = both_paths(optimizer, dtype="float64")
    plain, _ = both_paths(keras_optim.SGD(0.1, momentum=0.5), dtype="float64")
    assert difference(path, plain) == 0.0
    assert difference(averages, reference(path, *case.values())) < 1e-10


@pytest.mark.parametrize("kind", ["ema", "swa"])
def test_torch(kind, float64):
    """`torch.optim.swa_utils.AveragedModel`, told of the same weights."""
    torch = pytest.importorskip("torch", reason="torch is not installed", exc_type=ImportError)
    from torch.optim import swa_utils

    if kind == "ema":
        optimizer = keras_optim.EMA(keras_optim.SGD(0.1), decay=0.9, warmup=False)
        rule = {"multi_avg_fn": swa_utils.get_ema_multi_avg_fn(0.9)}
    else:
        optimizer, rule = keras_optim.SWA(keras_optim.SGD(0.1), start_step=1), {}
    path, averages = both_paths(optimizer, dtype="float64")
    model = torch.nn.ParameterList([torch.tensor(v) for v in VALUES])
    averaged = swa_utils.AveragedModel(model, **rule)
    expected = []
    for xs in [VALUES, *path] if kind == "ema" else path:
        for parameter, x in zip(model, xs, strict=True):
            parameter.data.copy_(torch.tensor(x))
        averaged.update_parameters(model)
        expected.append([p.detach().numpy().copy() for p in averaged.module])
    assert difference(averages, expected[-len(path) :]) < 1e-10


# ---- in Keras


def averaged_model(optimizer=None, **options):
    model = model_of(["one", "two"])
    optimizer = optimizer or keras_optim.EMA(keras_optim.Adam(0.05), decay=0.8)
    model.compile(optimizer, "mse", **options)
    return model


class Watch(keras.callbacks.Callback):
    """Notes the weights at each event; the last one of batches is what was trained."""

    def __init__(self):
        super().__init__()
        self.trained, self.epoch_end, self.tested = [], [], []

    def on_train_batch_end(self, batch, logs=None):
        if keras.backend.backend() == "jax":
            self.model.jax_state_sync()
        self.trained.append(self.model.get_weights())

    def on_test_batch_end(self, batch, logs=None):
        if keras.backend.backend() == "jax":
            self.model.jax_state_sync()
        self.tested.append(self.model.get_weights())

    def on_epoch_end(self, epoch, logs=None):
        self.epoch_end.append(self.model.get_weights())


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def expected_averages(start, trained, decay=0.8):
    average = [np.array(w, "float64") for w in start]
    for t, weights in enumerate(trained, start=1):
        d = min(decay, (1 + t) / (10 + t))
        average = [d * a + (1 - d) * w for a, w in zip(average, weights, strict=True)]
        yield average


@pytest.mark.parametrize("jit_compile", [False, "auto"])
def test_in_fit(jit_compile, tmp_path):
    """Validated, saved and kept are the averages; trained are the weights, undisturbed."""
    x, y = data()
    plain, watch = averaged_model(jit_compile=jit_compile), Watch()
    start = plain.get_weights()
    plain.fit(x, y, batch_size=4, epochs=3, shuffle=False, verbose=0, callbacks=[watch])
    averages = list(expected_averages(start, watch.trained))[3::4]
    for a, w in zip(averages[-1], plain.get_weights(), strict=True):
        np.testing.assert_allclose(w, a, atol=1e-6)

    model, watching = averaged_model(jit_compile=jit_compile), Watch()
    path = str(tmp_path / "{epoch}.keras")
    history = model.fit(
        x,
        y,
        batch_size=4,
        epochs=3,
        shuffle=False,
        verbose=0,
        validation_data=(x, y),
        callbacks=[EvaluateAveraged(), watching, keras.callbacks.ModelCheckpoint(path)],
    )
    assert all(same(a, b) for a, b in zip(watch.trained, watching.trained, strict=True))
    assert all(same(a, b) for a, b in zip(watching.tested[::4], watching.epoch_end, strict=True))
    assert same(model.get_weights(), plain.get_weights())
    assert same(model.get_weights(), watching.epoch_end[-1])
    for epoch, average in enumerate(averages):
        for a, w in zip(average, watching.epoch_end[epoch], strict=True):
            np.testing.assert_allclose(w, a, atol=1e-6)
        loaded = keras.models.load_model(tmp_path / f"{epoch + 1}.keras")
        assert same(loaded.get_weights(), watching.epoch_end[epoch])
        loss = loaded.evaluate(x, y, verbose=0)
        assert history.history["val_loss"][epoch] == pytest.approx(loss, rel=1e-5)
        evaluation_weights.swap_in(loaded.optimizer)  # its state fits: nothing lags behind
        assert same(loaded.get_weights(), watching.epoch_end[epoch])

    one, other = keras.models.load_model(tmp_path / "3.keras"), model
    for m in (one, other):
        m.fit(x, y, batch_size=4, shuffle=False, verbose=0)
    assert same(one.get_weights(), other.get_weights())


def test_evaluate_and_predict_by_themselves():
    x, y = data()
    model = averaged_model()
    for _ in range(5):
        model.train_on_batch(x, y)
    trained = model.get_weights()
    evaluation_weights.swap_in(model.optimizer)
    averages = model.get_weights()
    loss, prediction = model.evaluate(x, y, verbose=0), model.predict(x, verbose=0)
    evaluation_weights.swap_out(model.optimizer)
    assert same(model.get_weights(), trained) and not same(trained, averages)
    for callbacks in ([], [EvaluateAveraged()]):
        assert model.evaluate(x, y, verbose=0, callbacks=callbacks) == loss
        assert same(model.get_weights(), trained)
        predicted = model.predict(x, verbose=0, callbacks=callbacks)
        np.testing.assert_array_equal(predicted, prediction)
        assert same(model.get_weights(), trained)


def test_early_stopping_restores_averaged_weights():
    x, y = data()
    model, watch = averaged_model(), Watch()
    stop = keras.callbacks.EarlyStopping(
        "val_loss", mode="max", patience=1, restore_best_weights=True
    )
    callbacks = [EvaluateAveraged(), watch, stop]
    model.fit(x, y, batch_size=4, epochs=9, verbose=0, validation_data=(x, y), callbacks=callbacks)
    assert len(watch.epoch_end) < 9
    assert same(model.get_weights(), watch.epoch_end[stop.best_epoch])


@pytest.mark.parametrize("name", ["ema", "swa"])
def test_averages_go_along_with_weights_that_are_set(name):
    options = {"decay": 0.75, "warmup": False} if name == "ema" else {"start_step": 1}
    optimizer = keras_optim.get(name, inner=keras_optim.SGD(1.0), **options)
    [x] = xs = variables([np.array([2.0])])
    for _ in range(2):
        optimizer.apply([tensor([1.0])], xs)
    lag = {"ema": 0.75 * (0.75 + 1.0), "swa": 0.5}[name]
    x.assign(np.array([10.0], "float32"))
    evaluation_weights.swap_in(optimizer)
    assert numbers(xs)[0][0] == pytest.approx(10.0 + lag)
    evaluation_weights.swap_out(optimizer)
    assert numbers(xs)[0][0] == 10.0


def test_half_precision_and_inside_other_wrappers():
    inner = keras_optim.EMA(keras_optim.SGD(0.25), decay=0.5, warmup=False)
    optimizer = keras_optim.Centralization(keras_optim.RateMultipliers(inner, {"x1": 0.0}))
    xs = variables([np.ones(2), np.ones(2)], "float16")
    optimizer.apply([tensor(np.ones(2))] * 2, xs)
    assert optimizer.averaging and optimizer.inner.averaging
    optimizer.finalize_variable_values(xs)
    assert difference([numbers(xs)], [[np.full(2, 0.875), np.ones(2)]]) == 0.0
    assert xs[0].dtype == "float16"
    optimizer.finalize_variable_values(xs)
    assert difference([numbers(xs)], [[np.full(2, 0.875), np.ones(2)]]) == 0.0


def test_under_a_loss_scale():
    x, y = data()
    model = averaged_model(keras.optimizers.LossScaleOptimizer(keras_optim.EMA(keras_optim.SGD())))
    model.fit(x, y, batch_size=4, verbose=0, validation_data=(x, y), callbacks=[EvaluateAveraged()])
    lags = [numbers([s["lag"]])[0] for s in model.optimizer.inner_optimizer.state.slots]
    assert all(not lag.any() for lag in lags)


def test_what_cannot_be_averaged():
    x, y = data()
    for optimizer, message in (
        (keras_optim.Lookahead(keras_optim.Adam()), "must average its weights; wrap it.*Lookahead"),
        (keras.optimizers.Adam(), "EvaluateAveraged: the model must be compiled with an optimizer"),
    ):
        with pytest.raises(ValueError, match=message):
            averaged_model(optimizer).fit(x, y, verbose=0, callbacks=[EvaluateAveraged()])
    with pytest.raises(ValueError, match="EMA: `use_ema` would average a second time"):
        keras_optim.EMA(keras_optim.Adam(use_ema=True))
    average = keras_optim.RateMultipliers(keras_optim.SWA(keras_optim.Adam(), 1), {"x": 1.0})
    with pytest.raises(ValueError, match="EMA: `inner` must not average weights itself"):
        keras_optim.EMA(average)
    with pytest.raises(ValueError, match="SWA: `start_step` must be an integer >= 1"):
        keras_optim.SWA(keras_optim.Adam(), 0)
    evaluation_weights.swap_in(keras_optim.EMA(keras_optim.Adam()))  # not built: nothing to do
    keras_optim.EMA(keras_optim.Adam()).finalize_variable_values([])
