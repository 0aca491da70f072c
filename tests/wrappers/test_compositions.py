"""Wrappers around wrappers: state under names of its own, any inside any other."""

import keras
import numpy as np
import pytest

import keras_optim
from keras_optim.wrappers.wrapper import Wrapper
from tests.support.trajectories import difference, gradients, numbers, run, starts, variables

STEPS, VALUES = gradients(steps=6), starts()


class Lagging(keras_optim.SGD):
    """SGD with a slot that has the name of one of EMA's."""

    slots = ()

    def init(self, x):
        return {"lag": x}

    def update(self, g, x, s, t, lr):
        return -lr * g, {"lag": s["lag"] + 1.0}


def nested():
    inner = keras_optim.SkipNonFinite(keras_optim.Nadam(0.05, weight_decay=0.1))
    inner = keras_optim.Lookahead(keras_optim.SkipNonFinite(inner), sync_period=2)
    return keras_optim.EMA(keras_optim.Lookahead(inner, sync_period=3), decay=0.5)


def test_lookahead_around_lookahead():
    """The inner slow weights are the fast ones of the outer: written here as in the paper."""
    inner = keras_optim.Lookahead(keras_optim.SGD(0.1), sync_period=2)
    path = run(keras_optim.Lookahead(inner, sync_period=3, slow_step_size=0.25), VALUES, STEPS)
    for k, start in enumerate(VALUES):
        x = slow = slower = start
        for t, gs in enumerate(STEPS, start=1):
            x = x - 0.1 * gs[k]
            if t % 2 == 0:
                x = slow = slow + 0.5 * (x - slow)
            if t % 3 == 0:
                new = slower + 0.25 * (x - slower)
                slow, x, slower = slow + (new - x), new, new  # the drift inside stays
            assert difference([[path[t - 1][k]]], [[x]]) < 1e-6


def test_each_rule_has_its_own_state():
    optimizer = keras_optim.EMA(Lagging(0.1), decay=0.5, warmup=False)
    xs = variables(VALUES)
    gs = [keras.ops.convert_to_tensor(g) for g in STEPS[0]]
    optimizer.apply(gs, xs)
    for start, g, slots in zip(VALUES, STEPS[0], optimizer.state.slots, strict=True):
        np.testing.assert_allclose(numbers([slots["lag"]])[0], start + 1.0, rtol=1e-6)
        np.testing.assert_allclose(numbers([slots["lag_2"]])[0], 0.05 * g, rtol=1e-5, atol=1e-7)


def test_counts_of_two_are_two():
    outer = keras_optim.SkipNonFinite(keras_optim.Centralization(keras_optim.SGD(0.1)))
    optimizer = keras_optim.SkipNonFinite(outer)
    bad = [np.full_like(g, np.nan) for g in STEPS[0]]
    path = run(optimizer, VALUES, [STEPS[0], bad, STEPS[1]])
    assert (optimizer.skipped, outer.skipped) == (1, 0)
    expected = run(keras_optim.Centralization(keras_optim.SGD(0.1)), VALUES, STEPS[:2])
    assert difference(path[::2], expected) == 0.0


def test_multipliers_around_multipliers():
    inner = keras_optim.RateMultipliers(keras_optim.SGD(0.1), {".": 0.5})
    path = run(keras_optim.RateMultipliers(inner, {".": 4.0}), VALUES, STEPS)
    assert difference(path, run(keras_optim.SGD(0.2), VALUES, STEPS)) < 1e-6


def test_a_skip_around_an_average_is_an_average_around_a_skip():
    """But for the count of steps, by which a warmup goes."""
    bad = [np.full_like(g, np.inf) for g in STEPS[0]]
    steps = [*STEPS[:2], bad, *STEPS[2:]]
    results = []
    for outer in (
        keras_optim.SkipNonFinite(keras_optim.EMA(keras_optim.Adam(0.1), 0.5, warmup=False)),
        keras_optim.EMA(keras_optim.SkipNonFinite(keras_optim.Adam(0.1)), 0.5, warmup=False),
    ):
        xs = variables(VALUES)
        for gs in steps:
            outer.apply([keras.ops.convert_to_tensor(g) for g in gs], xs)
        trained = numbers(xs)
        outer.finalize_variable_values(xs)
        results.append((trained, numbers(xs)))
    assert difference(results[0][:1], results[1][:1]) < 1e-6
    lag = difference(results[0][1:], results[1][1:])
    assert lag > 0.0  # an average that is skipped does not come nearer


def test_a_run_goes_on_from_a_file():
    whole = run(nested(), VALUES, STEPS)
    first = nested()
    xs = variables(VALUES)
    for gs in STEPS[:3]:
        first.apply([keras.ops.convert_to_tensor(g) for g in gs], xs)
    store = {}
    first.save_own_variables(store)
    assert {"drift.0", "drift_2.0", "skipped", "skipped_2", "lag.0"} <= set(store)
    second = type(first).from_config(first.get_config())
    second.build(xs)
    second.load_own_variables(store)
    for gs, expected in zip(STEPS[3:], whole[3:], strict=True):
        second.apply([keras.ops.convert_to_tensor(g) for g in gs], xs)
        assert difference([numbers(xs)], [expected]) < 1e-6


@pytest.mark.parametrize("name", ["kept", "stored"])
def test_names_that_a_rule_has_twice_are_refused(name):
    class Twice(keras_optim.Optimizer):
        slots = (name,)
        shared = {"kept": 0.0}

    with pytest.raises(ValueError, match=f"Twice: `{name}` is the name of .* rename"):
        Twice(0.1).build(variables(VALUES))
    with pytest.raises(ValueError, match=f"Twice: `{name}` is the name of .* rename"):
        keras_optim.EMA(Twice(0.1)).build(variables(VALUES))


def test_what_a_wrapper_measures_for_its_update_is_computed_once():
    calls = []

    class Twice(Wrapper):
        shared = {"total": 0.0}

        def measure(self, g, x, s, t, lr):
            calls.append("measure")
            sums, carry = super().measure(g, x, s, t, lr)
            return {**sums, "total": keras.ops.sum(g)}, {**carry, "doubled": 2.0 * g}

        def pool(self, sums, s, t, lr):
            shared, seen = super().pool(sums, s, t, lr)
            return {**shared, "total": sums["total"]}, {**seen, "before": s["total"]}

        def update(self, g, x, s, t, lr):
            grown = s["total"] - s["before"]
            change, new = self.inner.step(s["doubled"] * grown, x, s["inner"], t, lr)
            return change, {"inner": new}

    path = run(
        keras_optim.Lookahead(Twice(keras_optim.SGD(0.1)), 9), [np.ones(3)], [[np.ones(3)]] * 2
    )
    assert calls
    assert difference(path, [[np.full(3, 1.0 - 0.6)], [np.full(3, 1.0 - 0.6)]]) < 1e-6
