"""Averaged weights and Keras's callbacks in any order: what is saved, kept and resumed."""

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
