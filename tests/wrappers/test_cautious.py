"""Cautious: around which rules it goes, and that these know of the mask."""

import numpy as np
import pytest

import keras_optim
from keras_optim.catalog import WRAPPERS
from tests.support.catalog_cases import NAMES, make, rule_of
from tests.support.passes import apply
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


@pytest.mark.parametrize("row", WRAPPERS, ids=lambda row: row.name)
def test_a_wrapper_inside_is_refused(row):
    inner = row.algorithm(make("adam"), **row.algorithm.trial_arguments)
    name = row.algorithm.__name__
    with pytest.raises(ValueError, match=rf"must be an algorithm.*Write `{name}\(Cautious\("):
        keras_optim.Cautious(inner)
    if name not in ("Cautious", "LazyRows"):  # which refuses what looks at whole variables
        around = row.algorithm(keras_optim.Cautious(make("adam")), **row.algorithm.trial_arguments)
        around.build(variables(VALUES))


def test_a_combination_inside_is_refused():
    with pytest.raises(ValueError, match=r"Write `Route\(Cautious\("):
        keras_optim.Cautious(keras_optim.Route({".": make("adam")}))


@pytest.mark.parametrize("name", NAMES)
def test_no_weight_goes_uphill(name):
    if make(name).averaging:
        with pytest.raises(ValueError, match="must not average weights"):
            keras_optim.Cautious(make(name))
        return
    optimizer = keras_optim.Cautious(make(name, learning_rate=0.01, weight_decay=0.0))
    x = variables(VALUES)
    for gs in STEPS:
        before = numbers(x)
        apply(optimizer, [tensor(g) for g in gs], x)
        for old, new, g in zip(before, numbers(x), gs, strict=True):
            assert np.all((new - old) * g <= 0.0)


def plain_and_cautious(name, values, **arguments):
    """Return the change of the first step of a rule, and that of the rule within Cautious."""
    changes = []
    for optimizer in (make(name, **arguments), keras_optim.Cautious(make(name, **arguments))):
        [path] = run(optimizer, values, STEPS[:1])
        changes.append([new - old for old, new in zip(values, path, strict=True)])
    return changes


@pytest.mark.parametrize("name", ["adam", "adamc", "lion", "adabelief"])
def test_the_decay_is_not_masked(name):
    """A gradient is as good as none where the weights decay against it."""
    assert rule_of(name).couples_decay is None
    values = [10.0 * np.sign(g) * -1.0 for g in STEPS[0]]
    plain, own = plain_and_cautious(name, values, learning_rate=0.01, weight_decay=0.5)
    assert difference([plain], [own]) < 1e-5
    assert all(np.all(change * g > 0) for change, g in zip(own, STEPS[0], strict=True))


@pytest.mark.parametrize("name", ["madgrad", "accsgd"])
def test_state_that_refers_to_the_weights_refers_to_those_that_moved(name, float64):
    """MADGRAD's origin is where the weights began, whatever the mask left out."""
    optimizer, xs = (
        keras_optim.Cautious(make(name, learning_rate=0.1)),
        variables(VALUES, "float64"),
    )
    averages = VALUES
    for gs in STEPS:
        before = numbers(xs)
        optimizer.apply([tensor(g, "float64") for g in gs], xs)
        found = [
            x + numbers([slots["offset"]])[0]
            for x, slots in zip(numbers(xs), optimizer.state.slots, strict=True)
        ]
        if name == "accsgd":
            rule = optimizer.inner
            b = rule.small_constant**2 * rule.xi / rule.kappa
            long = rule.kappa / rule.small_constant * 0.1
            averages = [
                (1 - b) * a + b * (x - long * g)
                for a, x, g in zip(averages, before, gs, strict=True)
            ]
        assert difference([found], [averages]) < 1e-9


def test_without_momentum_it_changes_nothing():
    plain, own = plain_and_cautious("sgd", VALUES, learning_rate=0.1)
    assert difference([plain], [own]) < 1e-6


def test_a_gradient_that_is_not_a_number_is_seen():
    optimizer, [x] = keras_optim.Cautious(make("adam")), variables([np.ones(3)])
    optimizer.apply([tensor([1.0, np.nan, 1.0])], [x])
    assert np.isnan(numbers([x])[0][1])
