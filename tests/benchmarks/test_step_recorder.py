"""The recorder: what it records is right, and training does not notice it."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest

import keras_optim
from benchmarks.training import step_recorder
from tests.conftest import BACKEND

STEPS = 5
IMAGES = np.random.RandomState(0).rand(16 * STEPS, 4).astype("float32")
WORDS = np.random.RandomState(1).randint(0, 6, (16 * STEPS, 7)).astype("int32")
CLASSES = np.arange(16 * STEPS) % 3
OPTIMIZERS = {
    "keras sgd": lambda: keras.optimizers.SGD(0.1, momentum=0.9),
    "keras adam": lambda: keras.optimizers.Adam(0.01),
    "ours adam": lambda: keras_optim.get("adam", learning_rate=0.01),
    "ours lookahead": lambda: keras_optim.get("lookahead", inner=keras_optim.get("sgd")),
}


def dense():
    return keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(8, activation="tanh"), keras.layers.Dense(3)]
    )


def embedded():
    return keras.Sequential(
        [
            keras.Input((7,), dtype="int32"),
            keras.layers.Embedding(6, 5),
            keras.layers.GlobalAveragePooling1D(),
            keras.layers.Dense(3),
        ]
    )


def trained(optimizer, length=None, model=dense, x=IMAGES, batch=16, epochs=2):
    """A model after `fit`, recorded if `length` is given."""
    keras.utils.set_random_seed(3)
    model = model()
    if length:
        optimizer = step_recorder.recording(optimizer, length)
        model = step_recorder.recording_model(model, length)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=optimizer, loss=loss)
    model.before = model.get_weights()
    history = model.fit(x, CLASSES, batch_size=batch, epochs=epochs, verbose=0, shuffle=False)
    assert set(history.history) == {"loss"}  # what is recorded is in no log
    return model


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_is_unchanged(name):
    plain, recorded = trained(OPTIMIZERS[name]()), trained(OPTIMIZERS[name](), STEPS)
    for a, b in zip(plain.get_weights(), recorded.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_what_is_recorded_is_an_optimizer_of_its_own(name):
    optimizer = OPTIMIZERS[name]()
    kind, recorded = type(optimizer), step_recorder.recording(optimizer, STEPS)
    assert type(optimizer) is kind and isinstance(recorded, kind) and recorded is not optimizer
    assert recorded.get_config() == optimizer.get_config()


@pytest.mark.skipif(BACKEND != "torch", reason="the native step is PyTorch's")
@pytest.mark.parametrize("name", [name for name in OPTIMIZERS if "ours" in name])
def test_a_recorded_step_is_the_one_that_users_get(name, monkeypatch):
    """It is native, and the norm is measured in it, not beside it."""
    monkeypatch.setenv("KERAS_OPTIM_TORCH", "native")
    monkeypatch.setattr(step_recorder, "_global_norm", None)
    optimizer = trained(OPTIMIZERS[name](), STEPS).optimizer
    assert list(optimizer.state.native.steps.values()) != [None]
    assert np.all(step_recorder.gradient_norms(optimizer, STEPS) > 0)


@pytest.mark.parametrize(("model", "x"), [(dense, IMAGES), (embedded, WORDS)])
@pytest.mark.parametrize("optimizer", [keras.optimizers.SGD, keras_optim.SGD])
def test_norm_is_that_of_the_gradient(model, x, optimizer):
    # One step of gradient descent at rate 1 moves the weights by the gradient. Words occur many
    # times in a batch, so TensorFlow's sparse gradient has rows that must be added up first.
    model = trained(optimizer(1.0), STEPS, model, x, batch=len(x), epochs=1)
    moved = [a - b for a, b in zip(model.before, model.get_weights(), strict=True)]
    norm = np.sqrt(sum(np.sum(np.square(m)) for m in moved))
    recorded = step_recorder.gradient_norms(model.optimizer, STEPS)
    assert len(recorded) == 1
    np.testing.assert_allclose(recorded[0], norm, rtol=1e-4)


def test_loss_of_each_step():
    model = trained(keras_optim.SGD(0.0), STEPS, epochs=1)
    losses = step_recorder.step_losses(model, STEPS)
    expected = [
        model.test_on_batch(IMAGES[i : i + 16], CLASSES[i : i + 16])
        for i in range(0, 16 * STEPS, 16)
    ]
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    model.evaluate(2 * IMAGES, CLASSES, verbose=0)  # its steps do not count
    np.testing.assert_array_equal(step_recorder.step_losses(model, STEPS), losses)


def test_epochs_follow_each_other():
    model = trained(keras_optim.SGD(0.1), 3 * STEPS, epochs=3)
    losses = step_recorder.step_losses(model, 3 * STEPS)
    norms = step_recorder.gradient_norms(model.optimizer, 3 * STEPS)
    assert len(losses) == len(norms) == 3 * STEPS
    assert losses[-STEPS:].mean() < losses[:STEPS].mean()
    np.testing.assert_array_equal(step_recorder.step_losses(model, STEPS), losses[-STEPS:])


def test_the_ring_keeps_the_last_steps_in_order():
    whole = step_recorder.gradient_norms(
        trained(keras_optim.SGD(0.1), 2 * STEPS).optimizer, 2 * STEPS
    )
    short = step_recorder.gradient_norms(trained(keras_optim.SGD(0.1), 3).optimizer, 2 * STEPS)
    np.testing.assert_allclose(short, whole[-3:], rtol=1e-5)
    assert len(set(whole.tolist())) == 2 * STEPS


def test_every_micro_batch_counts_under_accumulation():
    model = trained(keras_optim.Adam(gradient_accumulation_steps=2), 2 * STEPS)
    norms = step_recorder.gradient_norms(model.optimizer, 2 * STEPS)
    assert len(norms) == 2 * STEPS
    assert np.all(norms > 0)


def test_loss_scale_is_taken_out():
    plain, scaled = (
        trained(keras_optim.SGD(0.1, loss_scale_factor=factor), STEPS, epochs=1).optimizer
        for factor in (None, 128.0)
    )
    norms = step_recorder.gradient_norms(plain, STEPS)
    np.testing.assert_allclose(norms, step_recorder.gradient_norms(scaled, STEPS), rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "share"), [("sgd", 0.0), ("adagrad", 1.0), ("adam", 2.0), ("amsgrad", 3.0)]
)
def test_bytes_of_state(name, share):
    model = trained(keras_optim.get(name), STEPS, epochs=1)
    assert step_recorder.state_bytes(model.optimizer) == share * step_recorder.weight_bytes(model)
    assert step_recorder.weight_bytes(model) == 4 * model.count_params()


def test_a_built_optimizer_is_refused():
    optimizer = trained(keras_optim.SGD()).optimizer
    with pytest.raises(ValueError, match="built already"):
        step_recorder.recording(optimizer, STEPS)


REPLICAS = """
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import numpy as np
from benchmarks.training import step_recorder
from tests.benchmarks.test_step_recorder import *
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
def both(run):
    with strategy.scope():
        return run()
def numbers():
    model = trained(keras_optim.Adam(), STEPS, embedded, WORDS)
    norms = step_recorder.gradient_norms(model.optimizer, STEPS)
    return norms, step_recorder.step_losses(model, STEPS)
for one, two in zip(numbers(), both(numbers)):
    assert len(one) == len(two) == STEPS
    np.testing.assert_allclose(one, two, rtol=1e-4)
"""


@pytest.mark.skipif(BACKEND != "tensorflow", reason="tf.distribute is TensorFlow's")
def test_replicas_record_what_one_device_would():
    # In a process of its own: the devices are split before TensorFlow starts.
    done = subprocess.run(
        [sys.executable, "-c", REPLICAS],
        env={**os.environ, "KERAS_BACKEND": "tensorflow"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
