"""Arguments: what is wrong is refused in the constructor, by name; what is right is kept."""

import inspect
import json
import math
from typing import Literal, get_args, get_origin

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import keras_optim
from keras_optim.arguments import hyperparameters, ranges
from keras_optim.catalog import ALGORITHMS, WRAPPERS
from tests.conftest import one_backend
from tests.support.catalog_cases import NAMES, make

pytestmark = one_backend

WRONG = [
    # options of every optimizer
    ({"learning_rate": -1}, ValueError),
    ({"learning_rate": math.nan}, ValueError),
    ({"learning_rate": math.inf}, ValueError),
    ({"learning_rate": "fast"}, TypeError),
    ({"learning_rate": None}, TypeError),
    ({"learning_rate": True}, TypeError),
    ({"learning_rate": [0.1]}, TypeError),
    ({"learning_rate": 1j}, TypeError),
    ({"weight_decay": -0.1}, ValueError),
    ({"weight_decay": "0.1"}, TypeError),
    ({"clipnorm": -1}, ValueError),
    ({"clipnorm": 0}, ValueError),
    ({"clipvalue": math.nan}, ValueError),
    ({"global_clipnorm": "1"}, TypeError),
    ({"use_ema": "yes"}, TypeError),
    ({"use_ema": 1}, TypeError),
    ({"ema_momentum": 1.5}, ValueError),
    ({"ema_overwrite_frequency": 0}, ValueError),
    ({"ema_overwrite_frequency": 2.5}, TypeError),
    ({"loss_scale_factor": 0}, ValueError),
    ({"gradient_accumulation_steps": 2.5}, TypeError),
    ({"gradient_accumulation_steps": 1}, ValueError),
    ({"name": 3}, TypeError),
    ({"decay": 0.1}, TypeError),
    ({"lr": 0.1}, TypeError),
]
WRONG_ADAM = [
    ({"beta_1": 1.0}, ValueError),
    ({"beta_1": 1.5}, ValueError),
    ({"beta_1": -0.1}, ValueError),
    ({"beta_2": math.nan}, ValueError),
    ({"beta_2": "0.9"}, TypeError),
    ({"epsilon": -1e-8}, ValueError),
    ({"epsilon": 0.0}, ValueError),
    ({"epsilon": None}, TypeError),
    ({"amsgrad": True}, TypeError),
]


@pytest.mark.parametrize(("arguments", "error"), WRONG, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_wrong_options_are_refused_by_name(name, arguments, error):
    refused(keras_optim.get(name).__class__, arguments, error)


@pytest.mark.parametrize(
    ("betas", "error", "message"),
    [
        ((), ValueError, r"`betas` must have at least one member. Received: betas=\(\)"),
        (0.9, TypeError, "`betas` must be a list, each item a number in .* Received: betas=0.9"),
        (
            "0.9",
            TypeError,
            "`betas` must be a list, each item a number in .* Received: betas='0.9'",
        ),
        ((0, 1), ValueError, r"`betas\[1\]` must be a number in \[0, 1\). Received: betas\[1\]=1"),
        (["a"], TypeError, r"`betas\[0\]` must be a number in \[0, 1\). Received: betas\[0\]='a'"),
    ],
    ids=str,
)
def test_each_member_of_a_sequence_is_checked(betas, error, message):
    with pytest.raises(error, match=f"AggMo: {message}"):
        keras_optim.AggMo(betas=betas)


def test_a_sequence_is_a_plain_list_in_the_configuration():
    config = keras_optim.AggMo(betas=(np.float32(0.5), 0)).get_config()
    assert json.loads(json.dumps(config)) == config
    assert type(config["betas"]) is list and config["betas"] == [0.5, 0.0]
    assert keras_optim.AggMo.from_config(config).get_config() == config


@pytest.mark.parametrize(("arguments", "error"), WRONG_ADAM, ids=str)
def test_wrong_hyper_parameters_are_refused_by_name(arguments, error):
    refused(keras_optim.Adam, arguments, error)


def refused(algorithm, arguments, error):
    [(argument, value)] = arguments.items()
    with pytest.raises(error) as caught:
        algorithm(**arguments)
    message = str(caught.value)
    assert message.startswith(f"{algorithm.__name__}: ")
    assert f"`{argument}`" in message
    assert f"Received: {argument}={value!r}" in message


def test_other_wrong_calls():
    with pytest.raises(TypeError, match=r"Adam: too many positional arguments.*beta_1"):
        keras_optim.Adam(0.1, 0.9, 0.999, 1e-8, 5)
    with pytest.raises(TypeError, match="Lookahead: missing a required argument: 'inner'"):
        keras_optim.Lookahead()
    with pytest.raises(ValueError, match="SGD: `nesterov` needs `momentum`"):
        keras_optim.SGD(nesterov=True)
    with pytest.raises(ValueError, match="LARS: `nesterov` needs `momentum`"):
        keras_optim.LARS(momentum=0, nesterov=True)
    with pytest.raises(ValueError, match="Rprop: `min_step_size` must be at most `max_step_size`"):
        keras_optim.Rprop(min_step_size=2, max_step_size=1)
    with pytest.raises(ValueError, match="Only one of `clipnorm`"):
        keras_optim.SGD(clipnorm=1.0, clipvalue=1.0)
    with pytest.raises(ValueError, match="Did you mean: adam"):
        keras_optim.get("adm")
    with pytest.raises(ValueError, match="No optimizer is called 3"):
        keras_optim.get(3)


def test_numbers_of_every_kind_are_taken():
    for one in (1, np.float32(1), np.int64(1), np.float64(1)):
        optimizer = keras_optim.Adam(one, weight_decay=one)
        assert type(optimizer.weight_decay) is float
        assert float(keras.ops.convert_to_numpy(optimizer.learning_rate.value)) == 1.0
    assert type(keras_optim.SGD(momentum=np.float32(0.5)).get_config()["momentum"]) is float
    assert keras_optim.SGD(0.1, 0.5, np.True_).nesterov is True


@pytest.mark.parametrize("value", [-0.1, math.nan, "slow", None])
def test_the_rate_is_checked_when_it_is_set(value):
    optimizer = keras_optim.Adam(0.5)
    with pytest.raises((ValueError, TypeError), match="Adam: `learning_rate` must be"):
        optimizer.learning_rate = value
    assert float(keras.ops.convert_to_numpy(optimizer.learning_rate.value)) == 0.5
    optimizer.learning_rate = 1
    assert float(keras.ops.convert_to_numpy(optimizer.learning_rate.value)) == 1.0


def values_in(hint, largest=1e6):
    """A strategy for what an annotation allows, up to numbers of reasonable size."""
    if get_origin(hint) is tuple:
        return st.lists(values_in(get_args(hint)[0], largest), min_size=1, max_size=4)
    options = []
    for kind, limits in hyperparameters._alternatives(hint):
        if kind is float:
            low, high = max(limits.low, -largest), min(limits.high, largest)
            options.append(
                st.floats(
                    low,
                    high,
                    exclude_min=limits.open in ("left", "both"),
                    exclude_max=limits.open in ("right", "both") and high == limits.high,
                )
            )
        elif kind is int:
            options.append(st.integers(int(limits.low), int(min(limits.high, 1000))))
        elif kind is bool:
            options.append(st.booleans())
        elif get_origin(kind) is Literal:
            options.append(st.sampled_from(get_args(kind)))
        elif kind is type(None):
            options.append(st.none())
        elif get_origin(kind) is Literal:
            options.append(st.sampled_from(get_args(kind)))
    return st.one_of(options)


BOUND = ("nesterov", "min_step_size", "max_step_size", "kappa", "xi", "ns_coefficients", "seed")
"""Bound to another argument as well, or drawn."""


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_all_that_the_ranges_allow_is_kept(name, data):
    algorithm = type(make(name))
    hints = hyperparameters.declared(algorithm.__init__)
    arguments = {
        parameter: data.draw(values_in(hints[parameter]), parameter)
        for parameter in hyperparameters.own_parameters(algorithm.__init__)
        if parameter not in BOUND
    }
    config = algorithm(**arguments).get_config()
    for parameter, value in arguments.items():
        single = np.float32(value) if parameter == "learning_rate" else value
        assert config[parameter] == single


@given(low=st.floats(-10, 10), width=st.floats(0, 10), value=st.floats(allow_nan=True))
def test_range(low, width, value):
    closed = ranges.Range(low, low + width)
    assert (value in closed) == (low <= value <= low + width)
    assert low not in ranges.Range(low, open="left")
    assert low + width not in ranges.Range(low, low + width, open="both")
    assert math.nan not in closed


def test_help_shows_words_for_ranges():
    shown = str(inspect.signature(keras_optim.Lookahead))
    assert "sync_period: an integer >= 1 = 5" in shown and "Annotated" not in shown
    assert "slow_step_size: a number in [0, 1] = 0.5" in shown
    for row in (*ALGORITHMS, *WRAPPERS):
        assert "Annotated" not in str(inspect.signature(row.algorithm))
        names = list(inspect.signature(row.algorithm).parameters)
        assert names == list(inspect.signature(row.algorithm.__init__).parameters)[1:]
