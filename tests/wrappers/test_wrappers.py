"""What wrappers promise: they own everything, and nothing of the inner one is ignored."""

import functools

import keras
import numpy as np
import pytest

import keras_optim
from tests.support.catalog_cases import FEW, NAMES, make
from tests.support.trajectories import (
    difference,
    gradients,
    numbers,
    run,
    starts,
    tensor,
    variables,
)

STEPS, VALUES = gradients(steps=6), starts()


@pytest.mark.parametrize("name", [n for n in NAMES if n in FEW and not make(n).averaging])
def test_a_whole_step_of_lookahead_is_the_inner_one(name):
    inner = run(make(name), VALUES, STEPS)
    whole = keras_optim.Lookahead(make(name), sync_period=3, slow_step_size=1.0)
    assert difference(run(whole, VALUES, STEPS), inner) < 1e-6
    late = keras_optim.Lookahead(make(name), sync_period=7)
    assert difference(run(late, VALUES, STEPS), inner) < 1e-6
    half = run(keras_optim.Lookahead(make(name), sync_period=3), VALUES, STEPS)
    middle = [(a + b) / 2 for a, b in zip(inner[2], VALUES, strict=True)]
    assert difference(half[2:3], [middle]) < 1e-6


def test_decay_happens_inside():
    """The slow weights move only at a synchronisation: decay is part of the fast step."""
    optimizer = keras_optim.Lookahead(keras_optim.SGD(0.1, weight_decay=1.0), sync_period=2)
    path = run(optimizer, [np.array([1.0])], [[np.array([0.0])]] * 2)
    fast = 0.9 * 0.9
    assert abs(path[1][0][0] - (1.0 + 0.5 * (fast - 1.0))) < 1e-6


def test_options_of_the_inner_one_are_taken_over():
    inner = keras_optim.AdamW(0.125, weight_decay=0.5, clipnorm=2.0, use_ema=True)
    inner.exclude_from_weight_decay(var_names=["bias"])
    optimizer = keras_optim.Lookahead(inner, name="ahead")
    assert float(keras.ops.convert_to_numpy(optimizer.learning_rate.value)) == 0.125
    assert (optimizer.weight_decay, optimizer.clipnorm, optimizer.use_ema) == (0.5, 2.0, True)
    again = keras_optim.Lookahead.from_config(optimizer.get_config())
    assert again.get_config() == optimizer.get_config()
    assert again._excluded == ("bias",)
    optimizer.learning_rate = 0.25
    assert optimizer.get_config()["inner"]["config"]["learning_rate"] == 0.25


def test_a_schedule_inside_is_followed():
    def schedule():
        return keras.optimizers.schedules.PiecewiseConstantDecay([1], [0.1, 0.02])

    path = run(keras_optim.Lookahead(keras_optim.SGD(schedule())), VALUES, STEPS[:4])
    assert difference(path, run(keras_optim.SGD(schedule()), VALUES, STEPS[:4])) < 1e-7


def test_the_inner_one_cannot_be_used_by_itself():
    inner = keras_optim.Adam()
    keras_optim.Lookahead(inner)
    with pytest.raises(ValueError, match="Adam is wrapped by Lookahead: set the rate of"):
        inner.learning_rate = 0.1
    with pytest.raises(ValueError, match="Adam is wrapped by Lookahead: build the wrapper"):
        inner.build(variables(VALUES))
    with pytest.raises(ValueError, match="wrapped by Lookahead: set `weight_decay` of the wrapper"):
        inner.weight_decay = 0.1
    with pytest.raises(ValueError, match="already wrapped by Lookahead"):
        keras_optim.Lookahead(inner)


def test_what_cannot_be_wrapped():
    built = keras_optim.Adam()
    built.build(variables(VALUES))
    with pytest.raises(ValueError, match="`inner` must be a new optimizer.*already built"):
        keras_optim.Lookahead(built)
    with pytest.raises(ValueError, match="`clipnorm` is set on `inner` already"):
        keras_optim.Lookahead(keras_optim.Adam(clipnorm=1.0), clipnorm=2.0)
    with pytest.raises(TypeError, match="Lookahead: `inner` must be an optimizer of keras_optim"):
        keras_optim.Lookahead(keras.optimizers.Adam())
    with pytest.raises(ValueError, match="`sync_period` must be an integer >= 1"):
        keras_optim.Lookahead(keras_optim.Adam(), sync_period=0)


def test_the_slow_weights_follow_weights_that_are_set():
    optimizer = keras_optim.Lookahead(keras_optim.SGD(0.1), sync_period=2)
    [x] = xs = variables([np.array([1.0])])
    optimizer.apply([tensor([1.0])], xs)
    x.assign(np.array([10.0], "float32"))
    optimizer.apply([tensor([1.0])], xs)
    assert abs(numbers(xs)[0][0] - (9.9 + 0.5 * 0.2)) < 1e-5


def test_a_callback_reaches_the_rule_that_runs():
    x = np.ones((8, 2), "float32")
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(keras_optim.Lookahead(keras_optim.SGD(0.1)), "mse")
    before = model.get_weights()
    stop = keras.callbacks.LearningRateScheduler(lambda epoch: 0.0)
    model.fit(x, x[:, :1], epochs=2, callbacks=[stop], verbose=0)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_an_option_set_on_the_wrapper_is_part_of_its_configuration():
    """Also one that came from inside, through two wrappers."""
    inner = keras_optim.Centralization(keras_optim.AdamW(weight_decay=0.1, clipnorm=1.0))
    optimizer = keras_optim.EMA(inner)
    optimizer.weight_decay, optimizer.clipnorm, optimizer.loss_scale_factor = 0.2, 2.0, 4.0
    again = keras_optim.EMA.from_config(optimizer.get_config())
    assert (again.weight_decay, again.clipnorm, again.loss_scale_factor) == (0.2, 2.0, 4.0)
    assert again.inner.inner.weight_decay == 0.2
    assert again.get_config() == optimizer.get_config()


@pytest.mark.parametrize("name", ["SkipNonFinite", "LazyRows", "EMA", "Lookahead"])
def test_a_rule_may_hand_all_of_its_state_back(name):
    class All(keras_optim.Adam):
        def update(self, g, x, s, t, lr):
            change, new = super().update(g, x, s, t, lr)
            return change, {**s, **new}

    options = {"var_names": ["x"]} if name == "LazyRows" else {}
    wrap = functools.partial(getattr(keras_optim, name), **options)
    inside = (All(0.1, weight_decay=0.1), keras_optim.Adam(0.1, weight_decay=0.1))
    assert difference(*(run(wrap(rule), VALUES, STEPS) for rule in inside)) == 0.0
