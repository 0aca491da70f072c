"""A search for a learning rate leaves no trace, whatever ends its `fit`."""

import contextlib
import linecache
import sys

import keras
import numpy as np
import pytest

import keras_optim
from keras_optim.callbacks import LearningRateFinder
from tests.callbacks.test_rate_finder import long_data, state
from tests.conftest import one_backend
from tests.wrappers.test_averaging import same


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
    left = vars(model).get("make_train_function")
    assert left is None or hasattr(left, "of_keras_optim")  # of the averages
    assert not {"finalize_variable_values"} & set(vars(model.optimizer))
    assert not same(state(model), before)
    for kept, value in zip(before, state(model), strict=True):
        assert np.all(np.isfinite(value)) and kept.shape == value.shape


HOOKS = [("on_train_begin", 1), ("on_train_batch_begin", 3), ("on_epoch_end", 1)]
MORE = [
    ("on_epoch_begin", 2),
    ("on_train_batch_begin", 1),
    ("on_train_batch_end", 1),
    ("on_train_batch_end", 12),
]
HOOKS += [pytest.param(*hook, marks=one_backend) for hook in MORE]


@pytest.mark.parametrize(("hook", "count"), HOOKS)
def test_an_error_in_another_callback(hook, count):
    check_nothing_is_left(*interrupted(keras_optim.Adam(0.003), OSError, hook, count))


@pytest.mark.parametrize("count", [1, 5])
def test_an_interruption_inside_the_train_step(count):
    check_nothing_is_left(*interrupted(keras_optim.SGD(0.003, momentum=0.9), count=count))


@pytest.mark.filterwarnings("ignore:.*statistics of batch normalisation")
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
