"""Averaged weights and Keras's callbacks in any order: what is saved, kept and resumed."""

import copy
import warnings

import keras
import numpy as np
import pytest

import keras_optim
from keras_optim.callbacks import EvaluateAveraged, LogTraining
from keras_optim.state import attached
from tests.conftest import one_backend
from tests.wrappers.test_averaging import averaged_model, same
from tests.wrappers.test_rate_multipliers import data

X, Y = data()
pytestmark = pytest.mark.filterwarnings("ignore:.*statistics of batch normalisation")


class Stop(keras.callbacks.Callback):
    """Interrupts the training."""

    def __init__(self, epoch=2, batch=None, testing=False):
        super().__init__()
        self.at, self.testing, self.epoch = (epoch, batch), testing, None

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch
        self.stop(None)

    def on_train_batch_end(self, batch, logs=None):
        self.stop(batch)

    def on_test_batch_end(self, batch, logs=None):
        if self.testing and self.epoch == self.at[0]:
            raise KeyboardInterrupt

    def stop(self, batch):
        if (self.epoch, batch) == self.at and not self.testing:
            raise KeyboardInterrupt


def normalised(optimizer=None, **options):
    """Dense layers with batch normalisation between (Keras saves no random state of dropout)."""
    keras.utils.set_random_seed(0)
    layers = [
        keras.layers.Dense(4, "tanh"),
        keras.layers.BatchNormalization(momentum=0.7),
        keras.layers.Dense(3),
    ]
    model = keras.Sequential([keras.Input((3,)), *layers])
    optimizer = optimizer or keras_optim.EMA(keras_optim.Adam(0.05), decay=0.8)
    model.compile(optimizer, "mse", **options)
    return model


def fit(model, callbacks, **options):
    options = {"epochs": 4, "batch_size": 4, "shuffle": False, "verbose": 0, **options}
    return model.fit(X, Y, callbacks=callbacks, **options).history


def interrupted(model, callbacks, stop, **options):
    with pytest.raises(KeyboardInterrupt):
        fit(model, [*callbacks, stop], **options)


class Seen(keras.callbacks.Callback):
    """Notes the weights at the end of each epoch."""

    def on_train_begin(self, logs=None):
        self.weights = []

    def on_epoch_end(self, epoch, logs=None):
        self.weights.append(self.model.get_weights())


@pytest.mark.parametrize(
    ("place", "validated"),
    [
        (1, False),
        (4, True),
        *(pytest.param(*p, marks=one_backend) for p in ((0, True), (2, True), (4, False))),
    ],
)
def test_any_order(place, validated, tmp_path):
    """Each callback sees, saves and brings back what was validated."""
    options = {"epochs": 3, "validation_data": (X, Y) if validated else None}
    expected, trained, model, seen = normalised(), normalised(), normalised(), Seen()
    history = fit(expected, [EvaluateAveraged(), seen], **options)
    fit(trained, [], **options)
    assert same(expected.get_weights(), trained.get_weights())
    monitor = "val_loss" if validated else "loss"
    stop = keras.callbacks.EarlyStopping(monitor, mode="max", patience=3, restore_best_weights=True)
    path = str(tmp_path / "best.weights.h5")
    best = keras.callbacks.ModelCheckpoint(
        path, monitor, mode="max", save_best_only=True, save_weights_only=True
    )
    each = keras.callbacks.ModelCheckpoint(str(tmp_path / "{epoch}.keras"))
    callbacks = [LogTraining(), stop, best, each]
    callbacks.insert(place, EvaluateAveraged())
    assert fit(model, callbacks, **options).items() >= history.items()
    assert same(model.get_weights(), seen.weights[stop.best_epoch])
    trained.load_weights(path)
    assert same(trained.get_weights(), seen.weights[stop.best_epoch])
    loaded = keras.models.load_model(tmp_path / "2.keras")
    assert same(loaded.get_weights(), seen.weights[1])


@pytest.mark.parametrize(
    ("kind", "first", "validated"),
    [
        ("plain", True, True),
        ("statistics", False, True),
        pytest.param("plain", False, False, marks=one_backend),
        pytest.param("statistics", True, False, marks=one_backend),
        pytest.param("scaled", False, True, marks=one_backend),
        pytest.param("accumulated", True, False, marks=one_backend),
        pytest.param("swa", False, False, marks=one_backend),
    ],
)
def test_a_backup_goes_on_to_the_bit(kind, first, validated, tmp_path):
    def model():
        inner = keras_optim.Adam(0.05, clipnorm=1.0)
        make = {
            "scaled": lambda: keras.optimizers.LossScaleOptimizer(keras_optim.EMA(inner)),
            "accumulated": lambda: keras_optim.EMA(
                keras_optim.Adam(0.05, gradient_accumulation_steps=3)
            ),
            "swa": lambda: keras_optim.SWA(keras_optim.SGD(0.1, momentum=0.9), 3, period=2),
        }
        return normalised(make.get(kind, lambda: keras_optim.EMA(inner))())

    def callbacks(folder):
        averaged = EvaluateAveraged(X if kind == "statistics" else None)
        both = [averaged, keras.callbacks.BackupAndRestore(tmp_path / folder)]
        return both if first else both[::-1]

    options = {"validation_data": (X, Y)} if validated else {}
    whole, again = model(), model()
    expected = fit(whole, callbacks("whole"), **options)
    interrupted(model(), callbacks("cut"), Stop(2, 1), **options)
    seen = fit(again, callbacks("cut"), **options)
    assert same(again.get_weights(), whole.get_weights())
    assert {n: v[2:] for n, v in expected.items()} == seen


@pytest.mark.parametrize("testing", [True, False])
def test_backups_of_batches_and_interruptions_of_validation(testing, tmp_path):
    """What was trained until the last backup comes back, wherever the run was stopped."""
    backup = keras.callbacks.BackupAndRestore(tmp_path, save_freq=3)  # after three of four batches
    whole, cut, again = normalised(), normalised(), normalised()
    stop = Stop(0, None if testing else 3, testing)
    interrupted(cut, [backup, EvaluateAveraged(), stop], stop, validation_data=(X, Y))
    again.load_weights(tmp_path / "latest.weights.h5")
    fit(whole, [EvaluateAveraged()], epochs=1)
    again.fit(X[12:], Y[12:], shuffle=False, verbose=0, callbacks=[EvaluateAveraged()])
    assert same(again.get_weights(), whole.get_weights())
    if keras.backend.backend() != "jax":  # there, Keras ends an interrupted `fit` like any other
        fit(cut, [EvaluateAveraged()], epochs=1)
        fit(whole := normalised(), [EvaluateAveraged()], epochs=2)
        assert same(cut.get_weights(), whole.get_weights())


@pytest.mark.parametrize("save_weights_only", [True, False])
def test_checkpoints_between_batches_are_averages(save_weights_only, tmp_path):
    path = str(tmp_path / ("{batch}.weights.h5" if save_weights_only else "{batch}.keras"))
    checkpoint = keras.callbacks.ModelCheckpoint(
        path, save_freq=2, save_weights_only=save_weights_only
    )
    model, plain = averaged_model(), averaged_model()
    model.optimizer.build(model.trainable_variables)  # so that the model is not attached yet
    fit(model, [checkpoint, EvaluateAveraged()], epochs=1)
    bound = {name: vars(model)[name] for name in ("save", "save_weights")}
    fit(model, [EvaluateAveraged()], epochs=0)
    assert bound == {name: vars(model)[name] for name in bound}
    plain.fit(X[:8], Y[:8], batch_size=4, shuffle=False, verbose=0)
    loaded = averaged_model()
    loaded.load_weights(path.format(batch=2))
    assert same(loaded.get_weights(), plain.get_weights())  # the averages after two steps
    loaded.fit(X[8:], Y[8:], batch_size=4, shuffle=False, verbose=0, callbacks=[EvaluateAveraged()])
    assert same(loaded.get_weights(), model.get_weights())  # from the trained weights


ONCE = [pytest.param(way, marks=one_backend) for way in ("load_model", "built")]


@pytest.mark.parametrize("way", ["compiled", "saved again", *ONCE])
def test_files_go_on_with_the_callback_and_test_without(way, tmp_path):
    """A checkpoint evaluates as it was validated, and trains on as if it had never been saved."""
    path = str(tmp_path / "{epoch}.keras")
    whole = normalised()
    callbacks = [keras.callbacks.ModelCheckpoint(path), EvaluateAveraged(X)]
    expected = fit(whole, callbacks, validation_data=(X, Y))
    if way == "load_model":
        model = keras.models.load_model(tmp_path / "2.keras")
    elif way == "saved again":
        keras.models.load_model(tmp_path / "2.keras").save(tmp_path / "copy.keras")
        model = keras.models.load_model(tmp_path / "copy.keras")
    else:
        model = normalised()
        if way == "built":
            fit(model, [], epochs=1)
        model.load_weights(tmp_path / "2.keras")
    assert model.evaluate(X, Y, verbose=0) == pytest.approx(expected["val_loss"][1], rel=1e-6)
    averaged = EvaluateAveraged(X)
    tested = model.evaluate(X, Y, verbose=0, callbacks=[averaged])
    assert tested == pytest.approx(expected["val_loss"][1], rel=1e-6)
    seen = fit(model, [averaged], initial_epoch=2, validation_data=(X, Y))
    assert seen["val_loss"] == expected["val_loss"][2:]
    assert same(model.get_weights(), whole.get_weights())


def test_without_the_callback_a_file_goes_on_as_well(tmp_path):
    whole = averaged_model()
    path = str(tmp_path / "{epoch}.keras")
    fit(whole, [keras.callbacks.ModelCheckpoint(path)], epochs=3)
    loaded = keras.models.load_model(tmp_path / "1.keras")
    fit(loaded, [], epochs=1)
    loaded.save(tmp_path / "end.keras")
    end = keras.models.load_model(tmp_path / "end.keras")
    assert same(end.get_weights(), loaded.get_weights())
    fit(end, [EvaluateAveraged()], epochs=1)
    assert same(end.get_weights(), whole.get_weights())


def test_what_a_callback_sets_stays():
    """Weights that are set at the end of an epoch are those from which training goes on."""
    model, seen = averaged_model(), []

    class Set(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            first, *others = self.model.get_weights()
            self.model.set_weights([np.full_like(first, 0.5), *others])

        def on_train_batch_begin(self, batch, logs=None):
            seen.append(self.model.get_weights())

    plain = averaged_model()
    fit(model, [Set(), EvaluateAveraged()], batch_size=16, epochs=2)
    first = plain.get_weights()
    assert same(seen[0], first)
    plain.train_on_batch(X, Y)
    trained = plain.get_weights()
    assert np.all(seen[1][0] == 0.5) and same(seen[1][1:], trained[1:])


def test_two_of_them_and_several_fits():
    whole, model = averaged_model(), averaged_model()
    for _ in range(2):
        fit(whole, [EvaluateAveraged()], validation_data=(X, Y))
        fit(model, [EvaluateAveraged(), LogTraining(), EvaluateAveraged()], steps_per_epoch=4)
    assert same(whole.get_weights(), model.get_weights())


def test_a_model_that_did_not_build_its_optimizer_is_told_and_bound(tmp_path):
    """Keras has no hook that would tell the optimizer of its model in the first `fit`."""
    path, model = str(tmp_path / "{epoch}.keras"), averaged_model()
    model.optimizer.build(model.trainable_variables)
    assert not attached.is_bound(model)
    with pytest.warns(UserWarning) as told:
        fit(model, [keras.callbacks.ModelCheckpoint(path)], validation_data=(X, Y))
    messages = [str(warning.message) for warning in told if warning.category is UserWarning]
    assert len(messages) == 2
    assert "EMA: ModelCheckpoint saves the training weights" in messages[0]
    assert "EMA: this `fit` validated and saved the training weights" in messages[1]
    whole = averaged_model()
    seen = fit(whole, [], epochs=8, validation_data=(X, Y))["val_loss"]
    again = fit(model, [keras.callbacks.ModelCheckpoint(path)], validation_data=(X, Y))
    assert again["val_loss"] == seen[4:] and same(model.get_weights(), whole.get_weights())


# ---- no callback is needed


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
