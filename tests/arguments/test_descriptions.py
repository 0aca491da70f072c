"""What an optimizer or a schedule is, in a line, in whatever state it is."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_optim
from keras_optim import schedules
from tests.conftest import one_backend
from tests.support.catalog_cases import EVERY, make
from tests.support.trajectories import tensor, variables

pytestmark = one_backend

EXPECTED = [
    (lambda: keras_optim.Adam(), "Adam(learning_rate=0.001)"),
    (
        lambda: keras_optim.AdamW(3e-4, weight_decay=0.1),
        "AdamW(learning_rate=0.0003, weight_decay=0.1)",
    ),
    (lambda: keras_optim.AdamW(1, None), "AdamW(learning_rate=1.0, weight_decay=None)"),
    (
        lambda: keras_optim.SGD(0.1, 0.9, True, clipnorm=2, use_ema=True),
        "SGD(learning_rate=0.1, momentum=0.9, nesterov=True, clipnorm=2.0, use_ema=True)",
    ),
    (
        lambda: keras_optim.EMA(
            keras_optim.Lookahead(keras_optim.Lion(1e-5, clipnorm=1), sync_period=6), use_ema=False
        ),
        "EMA(Lookahead(Lion(learning_rate=1e-05, clipnorm=1.0), sync_period=6))",
    ),
    (
        lambda: keras_optim.SWA(keras_optim.SGD(), start_step=7, weight_decay=0.5),
        "SWA(SGD(learning_rate=0.01), start_step=7, weight_decay=0.5)",
    ),
    (
        lambda: keras_optim.SGD(schedules.Warmup(schedules.REX(0.1, 90), 10)),
        "SGD(learning_rate=Warmup(schedule=REX(initial_learning_rate=0.1, decay_steps=90), "
        "warmup_steps=10))",
    ),
    (
        lambda: keras_optim.SGD(keras.optimizers.schedules.InverseTimeDecay(0.1, 10, 0.5)),
        "SGD(learning_rate=InverseTimeDecay(initial_learning_rate=0.1, decay_steps=10, "
        "decay_rate=0.5, staircase=False))",
    ),
    (lambda: keras_optim.AggMo(betas=[0, 0.5]), "AggMo(learning_rate=0.01, betas=[0.0, 0.5])"),
    (
        lambda: schedules.Join([0.5, schedules.REX(0.1, 5)], [10]),
        "Join(schedules=[0.5, REX(initial_learning_rate=0.1, decay_steps=5)], boundaries=[10])",
    ),
    (
        lambda: schedules.Cyclic(0, 1, mode="triangular2"),
        "Cyclic(base_learning_rate=0.0, max_learning_rate=1.0, mode='triangular2')",
    ),
]


@pytest.mark.parametrize(("made", "text"), EXPECTED, ids=[text[:24] for _, text in EXPECTED])
def test_it_is_the_call_that_makes_it(made, text):
    assert repr(made()) == str(made()) == text


@pytest.mark.parametrize("name", EVERY)
def test_each_shows_its_rate(name):
    optimizer = make(name, learning_rate=0.25)
    assert "learning_rate=0.25" in repr(optimizer)
    assert repr(optimizer).startswith(f"{type(optimizer).__name__}(")


def test_the_rate_is_that_of_the_next_step():
    optimizer = keras_optim.EMA(keras_optim.Adam())
    optimizer.learning_rate = 0.5
    optimizer.apply([tensor(1.0)], variables([np.array(1.0)]))
    assert repr(optimizer) == "EMA(Adam(learning_rate=0.5))"
    assert repr(optimizer.inner) == "Adam()"  # it has no rate of its own
    optimizer.weight_decay = 0.5
    assert repr(optimizer) == "EMA(Adam(learning_rate=0.5), weight_decay=0.5)"


def test_nothing_makes_it_fail():
    assert repr(keras_optim.Adam.__new__(keras_optim.Adam)).startswith("Adam(")
    assert repr(schedules.REX.__new__(schedules.REX)).startswith("REX(")
    assert "<function" in repr(keras_optim.Adam(lambda: 0.1))

    class Odd(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            return 0.1

    assert repr(keras_optim.Adam(Odd())) == "Adam(learning_rate=Odd(...))"
    inside = keras.optimizers.LossScaleOptimizer(keras_optim.Adam(0.5)).inner_optimizer
    assert repr(inside) == "Adam(learning_rate=0.5)"


def test_it_is_there_while_a_step_is_traced():
    seen = []

    class Told(keras_optim.SGD):
        def update(self, g, x, s, t, lr):
            seen.append(repr(self))
            return super().update(g, x, s, t, lr)

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(Told(0.5), "mse")
    model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0)
    assert seen and all(text.startswith("Told(learning_rate=") for text in seen)
    assert repr(model.optimizer) == "Told(learning_rate=0.5)"
    assert ops.is_tensor(ops.convert_to_tensor(model.optimizer.learning_rate))
