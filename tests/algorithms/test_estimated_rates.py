"""Rates that are estimated: in the logs, with averages of the weights, under wrappers."""

import keras
import numpy as np
import pytest

import keras_optim
from keras_optim.catalog import ALGORITHMS
from keras_optim.state import evaluation_weights
from tests.support.trajectories import difference, gradients, numbers, starts, tensor, variables

ESTIMATING = [row.name for row in ALGORITHMS if row.algorithm.estimate]
STEPS, VALUES = gradients(steps=12), starts()


def logs(optimizer, epochs=3):
    """Train a line, and return what `LogTraining` adds to the history."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dense(1)])
    model.compile(optimizer, "mse")
    x = np.random.default_rng(0).normal(size=(64, 3)).astype("float32")
    log = keras_optim.callbacks.LogTraining(per_batch=True)
    data = x, x @ np.array([[3.0], [-2.0], [1.0]], "float32")
    history = model.fit(*data, batch_size=16, epochs=epochs, callbacks=[log], verbose=0).history
    found = {name: values for name, values in history.items() if name.startswith("estimated")}
    assert {n: log.batches[n][3::4] for n in found} == found
    return found


@pytest.mark.parametrize("name", [*ESTIMATING, "mechanic"])
def test_the_logs_show_the_estimate_which_rises(name):
    optimizer = (
        keras_optim.Mechanic(keras_optim.SGD(0.1), s_init=1e-3)
        if name == "mechanic"
        else keras_optim.get(name)
    )
    start = optimizer.shared[optimizer.estimate]
    [(title, values)] = logs(optimizer, 8).items()
    assert title == "estimated_rate"
    assert start < values[0] < values[-1]
    held = optimizer.state.shared_of(optimizer)[optimizer.estimate]
    assert values[-1] == float(held.numpy())


def test_under_wrappers_and_in_a_route():
    inside = keras_optim.EMA(keras_optim.Prodigy(d0=1e-4))
    assert list(logs(inside)) == ["estimated_rate"]
    both = keras_optim.Prodigy(d0=1e-4), keras_optim.Prodigy(d0=1e-4)
    route = keras_optim.Route({"kernel": both[0], "bias": both[1]})
    assert set(logs(route)) == {"estimated_rate/Prodigy", "estimated_rate/Prodigy_2"}
    assert logs(keras_optim.Adam()) == {}


# ---- the average of DoG and LDoG


@pytest.mark.parametrize("name", ["dog", "ldog"])
def test_the_evaluation_weights_are_the_polynomial_average(name, float64):
    optimizer = keras_optim.get(name, reps_rel=0.1, gamma=3.0)
    xs, average = variables(VALUES, "float64"), VALUES
    for t, gs in enumerate(STEPS, start=1):
        optimizer.apply([tensor(g, "float64") for g in gs], xs)
        share = (1 + 3.0) / (t + 3.0)
        average = [(1 - share) * a + share * x for a, x in zip(average, numbers(xs), strict=True)]
        evaluation_weights.swap_in(optimizer)
        assert difference([numbers(xs)], [average]) < 1e-12
        evaluation_weights.swap_out(optimizer)
    assert difference([numbers(xs)], [average]) > 1e-3


@pytest.mark.parametrize("name", ["dog", "ldog"])
def test_the_start_stays_when_the_average_takes_the_place_of_the_weights(name, float64):
    optimizer = keras_optim.get(name, reps_rel=0.1)
    xs = variables(VALUES, "float64")
    for gs in STEPS:
        optimizer.apply([tensor(g, "float64") for g in gs], xs)
    optimizer.finalize_variable_values(xs)
    starts = [
        x + np.array(slots["offset"].numpy())
        for x, slots in zip(numbers(xs), optimizer.state.slots, strict=True)
    ]
    assert difference([starts], [VALUES]) < 1e-12


def test_one_average_is_enough():
    with pytest.raises(ValueError, match="`use_ema` would average a second time"):
        keras_optim.DoG(use_ema=True)
    with pytest.raises(ValueError, match="must not average weights itself"):
        keras_optim.EMA(keras_optim.DoG())
    with pytest.raises(ValueError, match="LDoG does.*Let it leave its average out"):
        keras_optim.Lookahead(keras_optim.LDoG())
    assert keras_optim.EMA(keras_optim.DoG(gamma=None)).averaging
    assert not keras_optim.Lookahead(keras_optim.LDoG(gamma=None)).averaging


# ---- one rate for all variables


def test_several_rates_are_refused():
    def build(inner, multipliers):
        optimizer = keras_optim.RateMultipliers(inner, multipliers)
        optimizer.build(variables(VALUES))

    with pytest.raises(ValueError, match="Prodigy estimates one rate for all variables"):
        build(keras_optim.EMA(keras_optim.Prodigy()), {"x1": 0.5})
    build(keras_optim.Prodigy(), {"x1": 0.0})
    build(keras_optim.Prodigy(), {".": 0.5})
    build(keras_optim.LDoG(), {"x1": 0.5})


@pytest.mark.parametrize("name", ESTIMATING)
def test_a_bad_batch_does_not_change_the_estimate_for_good(name):
    """The variable with the NaN is lost, the others train on at finite rates."""
    optimizer = keras_optim.get(name)
    xs = variables(VALUES)
    for i, gs in enumerate(STEPS):
        gs = [np.full_like(g, np.nan) if (i, k) == (3, 0) else g for k, g in enumerate(gs)]
        before = numbers(xs)
        optimizer.apply([tensor(g) for g in gs], xs)
    assert all(np.all(np.isfinite(x)) for x in numbers(xs)[1:])
    assert difference([numbers(xs)[1:]], [before[1:]]) > 0.0
    assert all(np.isfinite(v.numpy()) for v in optimizer.state.shared.values())


# ---- Mechanic


def test_what_mechanic_refuses():
    for inner in (keras_optim.Prodigy(), keras_optim.SkipNonFinite(keras_optim.SGD())):
        with pytest.raises(ValueError, match="without sums over all variables"):
            keras_optim.Mechanic(inner)
    with pytest.raises(ValueError, match="at least one member"):
        keras_optim.Mechanic(keras_optim.SGD(), betas=())
    assert keras_optim.Mechanic(keras_optim.SGD()).scale == 0.0
