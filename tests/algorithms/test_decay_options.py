"""The options of weight decay over the whole catalogue: taken or refused, and what they leave."""

import pickle

import numpy as np
import pytest

import keras_optim
from keras_optim.algorithms.interpolating import Interpolating
from keras_optim.arguments.ranges import DECAY_OPTIONS
from tests.conftest import BACKEND
from tests.support.catalog_cases import FEW, NAMES, make, rule_of
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

SHAPES = ((5,), (4, 3))
STEPS, VALUES = gradients(SHAPES, steps=4), starts(SHAPES)
RATES = (0.05, 0.02, 0.03, 0.01)
ON = {"cautious_weight_decay": True, "corrected_weight_decay": ["."]}
BY_PATH = {"x1": 0.3, ".": 0.1}


@pytest.fixture(autouse=True)
def operation_by_operation(monkeypatch):
    """On PyTorch, compile nothing that no test compares."""
    monkeypatch.setenv("KERAS_OPTIM_TORCH", "eager")


def refusal(name, option):
    """How the message begins with which an optimizer refuses an option; "" if it takes it."""
    rule = rule_of(name)
    if rule.couples_decay is not None:
        return f"{rule.__name__}: `{option}` needs weight decay that is a step of its own"
    if option != "corrected_weight_decay":
        return ""
    if rule is keras_optim.AdamC:
        return "AdamC: `corrected_weight_decay` is its argument `normalized`"
    outer = rule_of(name.partition("(")[0])
    if issubclass(outer, Interpolating):
        return f"{outer.__name__}: `corrected_weight_decay` follows a schedule"
    return ""


def taken(name):
    return {option: value for option, value in ON.items() if not refusal(name, option)}


def trained(optimizer, xs, steps, rates=RATES):
    for gs, rate in zip(steps, rates, strict=False):
        optimizer.learning_rate = rate
        apply(optimizer, [tensor(g) for g in gs], xs)
    return numbers(xs)


@pytest.mark.parametrize("name", FEW)
def test_each_option_is_taken_or_refused(name):
    assert set(ON) == set(DECAY_OPTIONS)
    for option, value in ON.items():
        if message := refusal(name, option):
            with pytest.raises(ValueError, match=message):
                make(name, **{option: value})
    options = {**taken(name), "weight_decay": BY_PATH}
    optimizer = make(name, **options)
    config = optimizer.get_config()
    assert type(optimizer).from_config(config).get_config() == config
    assert all(getattr(optimizer, option) == value for option, value in options.items())
    end = trained(optimizer, variables(VALUES), STEPS[:2])
    copied = pickle.loads(pickle.dumps(optimizer))
    again = trained(copied, variables(end), STEPS[2:], RATES[2:])
    end = trained(optimizer, optimizer._trainable_variables, STEPS[2:], RATES[2:])
    assert difference([again], [end]) == 0.0
    assert all(np.all(np.isfinite(x)) for x in end)
    assert difference([end], [run(make(name), VALUES, STEPS, RATES)[-1]]) > 1e-6


@pytest.mark.parametrize("name", [n for n in FEW if taken(n)])
def test_without_decay_they_change_nothing(name):
    paths = [
        run(make(name, weight_decay=decay, **options), VALUES, STEPS, RATES)
        for decay, options in ((None, {}), (None, taken(name)), ({".": 0.0}, taken(name)))
    ]
    assert difference(paths[0], paths[1]) == difference(paths[0], paths[2]) == 0.0


@pytest.mark.parametrize(
    "name", [n for n in NAMES if n in FEW and not refusal(n, "cautious_weight_decay")]
)
def test_cautious_decay_is_where_the_step_does_not_lengthen(name):
    """In the first step, beside the same step without decay."""
    ends = [
        run(make(name, weight_decay=decay, cautious_weight_decay=True), VALUES, STEPS[:1], RATES)
        for decay in (0.0, 0.5)
    ]
    for x, without, with_decay in zip(VALUES, *(path[0] for path in ends), strict=True):
        lengthens, decay = (without - x) * x > 0, with_decay - without
        np.testing.assert_array_equal(decay[lengthens], 0.0)
        assert np.all(decay[~lengthens] * x[~lengthens] < 0)
    assert difference(*ends) > 1e-4


@pytest.mark.skipif(BACKEND != "torch", reason="kernels are PyTorch's")
@pytest.mark.parametrize(
    "name", [n for n in FEW if taken(n) and not rule_of(n.partition("(")[0]).no_kernel]
)
def test_kernels_take_them(name, monkeypatch):
    from keras_optim.engine import torch_native
    from tests.codegen.test_steps import native, no_kernel

    paths = []
    for setting in ("native", "eager"):
        monkeypatch.setenv(torch_native.SETTING, setting)
        optimizer = make(name, weight_decay=BY_PATH, **taken(name))
        paths.append(run(optimizer, VALUES, STEPS, RATES))
        assert setting == "eager" or native(optimizer) or no_kernel(optimizer)
    assert difference(*paths) < 1e-5


@pytest.mark.parametrize("wrapper", ["ema", "lookahead", "route"])
def test_given_to_a_wrapper_they_reach_the_rule(wrapper):
    options = {**ON, "weight_decay": BY_PATH}
    if wrapper == "route":
        for option, value in options.items():
            with pytest.raises(ValueError, match=f"Route: `{option}` belongs to the rules"):
                keras_optim.Route({".": make("adam")}, **{option: value})
        return
    inside = rule_of(wrapper)(make("adam", **options))
    outside = rule_of(wrapper)(make("adam"), **options)
    assert difference(*(run(o, VALUES, STEPS, RATES) for o in (inside, outside))) == 0.0
    assert outside.inner.cautious_weight_decay
    with pytest.raises(ValueError, match="`cautious_weight_decay` is set on `inner` already"):
        rule_of(wrapper)(make("adam", **options), cautious_weight_decay=True)
