"""Interrupted training ends where uninterrupted training does, to the bit, however it is saved."""

import copy
import pickle

import keras
import numpy as np
import pytest

import keras_optim
from tests.algorithms.test_every import small_data, small_model
from tests.conftest import since_keras
from tests.support.catalog_cases import FEW, make
from tests.support.passes import apply
from tests.support.trajectories import difference, gradients, numbers, starts, tensor, variables

BACKEND = keras.backend.backend()
STEPS, VALUES = gradients(steps=6), starts()


def go_on(optimizer, values, steps):
    xs = variables(values)
    for gs in steps:
        apply(optimizer, [tensor(g) for g in gs], xs)
    return numbers(xs)


def schedule():
    return keras_optim.schedules.CosineAnnealing(0.1, decay_steps=10)


# ---- copies of an optimizer: `.keras` files of each are in test_every


@pytest.mark.parametrize("name", FEW)
def test_a_pickle_goes_on_to_the_bit(name):
    averaged = {} if make(name).averaging else {"use_ema": True}
    optimizer = make(name, learning_rate=schedule(), weight_decay=0.1, **averaged)
    middle = go_on(optimizer, VALUES, STEPS[:3])
    copied = pickle.loads(pickle.dumps(optimizer))
    end = go_on_with(optimizer, STEPS[3:])
    assert type(copied) is type(optimizer) and copied.get_config() == optimizer.get_config()
    assert difference([go_on(copied, middle, STEPS[3:])], [end]) == 0.0
    for ours, theirs in zip(optimizer.variables, copied.variables, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def go_on_with(optimizer, steps):
    """On the variables that it is built for."""
    xs = optimizer._trainable_variables
    for gs in steps:
        apply(optimizer, [tensor(g) for g in gs], xs)
    return numbers(xs)


def test_deep_copies_and_copies_of_copies():
    """A copy keeps its state until it is built, however often it is copied before."""
    optimizer = keras_optim.Nadam(0.1, gradient_accumulation_steps=2)
    middle = go_on(optimizer, VALUES, STEPS[:3])  # between two accumulated steps
    copied = copy.deepcopy(copy.deepcopy(optimizer))
    assert not copied.built and int(numbers([copied.iterations])[0]) == 1
    end = go_on_with(optimizer, STEPS[3:])
    assert difference([go_on(copied, middle, STEPS[3:])], [end]) == 0.0


def test_a_copy_for_other_variables_says_what_it_drops():
    optimizer = keras_optim.Adam(0.1)
    go_on(optimizer, VALUES, STEPS[:3])
    copied = pickle.loads(pickle.dumps(optimizer))
    with pytest.warns(UserWarning, match=r"Adam: state that does not match.*momentum\.0, momentum"):
        go_on(copied, [np.ones((7, 7))], [[np.ones((7, 7))]])


def test_what_is_set_between_loading_and_building_stays():
    optimizer = keras_optim.SGD(0.5, momentum=0.5)
    xs = variables([np.zeros(1)])
    optimizer.apply([tensor(np.ones(1))], xs)
    copied = copy.deepcopy(optimizer)
    copied.learning_rate = 0.25
    ys = variables([np.zeros(1)])
    copied.apply([tensor(np.ones(1))], ys)
    assert numbers(ys)[0] == -0.25 * 1.5


# ---- through Keras: 1 + 2 epochs against 3

KINDS = {
    "schedule": lambda: keras_optim.Adam(schedule()),
    "float rate": lambda: keras_optim.RMSprop(0.01, momentum=0.5, centered=True),
    "ema": lambda: keras_optim.Nadam(0.01, use_ema=True, ema_overwrite_frequency=3),
    "accumulation": lambda: keras_optim.SGD(0.1, momentum=0.9, gradient_accumulation_steps=3),
    "wrapper": lambda: keras_optim.Lookahead(keras_optim.RAdam(schedule()), sync_period=3),
    "average": lambda: keras_optim.EMA(keras_optim.Lion(1e-3, weight_decay=0.1)),
    "loss scale": lambda: keras.optimizers.LossScaleOptimizer(
        keras_optim.Adam(0.01), initial_scale=1024.0, dynamic_growth_steps=5
    ),
}
X, Y = small_data()
X, Y = X[:56], Y[:56]  # the last batch is a smaller one


class Stop(Exception):
    """Ends training from within."""


class StopAfter(keras.callbacks.Callback):
    """Raises `Stop` when an epoch has begun."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            raise Stop


def compiled(kind):
    model = small_model()
    model.compile(optimizer=KINDS[kind](), loss="mse")
    return model


def fit(model, epochs, initial_epoch=0, callbacks=()):
    model.fit(
        X,
        Y,
        batch_size=16,
        epochs=epochs,
        initial_epoch=initial_epoch,
        shuffle=False,
        verbose=0,
        callbacks=list(callbacks),
    )
    return model


class SaveAfterOneEpoch(keras.callbacks.Callback):
    """Saves the model in every way but Orbax's."""

    def __init__(self, folder):
        super().__init__()
        self.folder = folder

    def on_epoch_end(self, epoch, logs=None):
        if epoch == 0:
            self.model.save(self.folder / "model.keras")
            self.model.save_weights(self.folder / "model.weights.h5")


def from_a_model_file(kind, folder):
    return keras.models.load_model(folder / "model.keras")


def from_weights(kind, folder):
    model = compiled(kind)
    if kind == "loss scale":  # Keras's own: its state is read only when it is built
        model.optimizer.build(model.trainable_variables)
    model.load_weights(folder / "model.weights.h5")
    return model


@pytest.mark.parametrize("kind", KINDS)
def test_saving_between_epochs_changes_nothing(kind, tmp_path):
    straight = fit(compiled(kind), 3, callbacks=[SaveAfterOneEpoch(tmp_path)])
    for way in (from_a_model_file, from_weights):
        same(fit(way(kind, tmp_path), 3, initial_epoch=1), straight)


@pytest.mark.parametrize("kind", ["accumulation", "loss scale", "wrapper"])
def test_backup_and_restore_after_an_interruption(kind, tmp_path):
    def backup():
        return keras.callbacks.BackupAndRestore(tmp_path / "backup")

    with pytest.raises(Stop):
        fit(compiled(kind), 3, callbacks=[backup(), StopAfter(1)])
    same(fit(compiled(kind), 3, callbacks=[backup()]), fit(compiled(kind), 3))


@since_keras("3.14", "a callback for Orbax's checkpoints")
@pytest.mark.skipif(BACKEND != "jax", reason="Orbax's checkpoints belong to JAX")
@pytest.mark.filterwarnings("ignore:Sharding info not provided")
@pytest.mark.parametrize("kind", ["ema", "wrapper"])
def test_an_orbax_checkpoint_between_epochs_changes_nothing(kind, tmp_path):
    """Keras finds what to read by the names of a new session, and only in a built optimizer."""
    straight = fit(compiled(kind), 3)
    keras.utils.clear_session()
    callback = keras.callbacks.OrbaxCheckpoint(tmp_path / "orbax", save_freq="epoch")
    with pytest.raises(Stop):
        fit(compiled(kind), 3, callbacks=[callback, StopAfter(1)])
    callback.wait_until_finished()
    keras.utils.clear_session()
    resumed = compiled(kind)
    resumed.optimizer.build(resumed.trainable_variables)
    resumed.load_weights(tmp_path / "orbax")
    same(fit(resumed, 3, initial_epoch=1), straight)


def test_fit_twice_with_a_moving_average():
    """Keras leaves weights and averages in one buffer, which JAX may give away only once."""
    model = fit(fit(compiled("ema"), 1), 2, initial_epoch=1)
    assert all(np.all(np.isfinite(w)) for w in model.get_weights())


def same(a, b):
    for ours, theirs in zip(a.weights, b.weights, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    for ours, theirs in zip(a.optimizer.variables, b.optimizer.variables, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy(), err_msg=ours.path)
