"""Variables that are given stay the same ones, whatever their paths."""

import contextlib
import copy
import pickle

import keras
import pytest

import keras_optim
from keras_optim.variables.paths import same_variables
from tests.conftest import BACKEND
from tests.support.trajectories import numbers, tensor


def twins(count=2):
    """Variables of one path, as those of models inside a model may be."""
    return [keras.Variable([1.0], name="out") for _ in range(count)]


def at(path):
    """A variable of this path."""
    *scopes, name = path.split("/")
    with contextlib.ExitStack() as stack:
        for scope in scopes:
            stack.enter_context(keras.name_scope(scope))
        return keras.Variable([1.0], name=name)


def step(optimizer, xs):
    """The variables after a step with gradients of 1."""
    optimizer.apply([tensor([1.0])] * len(xs), xs)
    return [round(float(x[0]), 4) for x in numbers(xs)]


def excluding(*xs):
    optimizer = keras_optim.SGD(0.1, weight_decay=1.0)
    optimizer.exclude_from_weight_decay(var_list=xs)
    return optimizer


def by_config(optimizer):
    return type(optimizer).from_config(optimizer.get_config())


def by_json(optimizer):
    return keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(optimizer))


def by_pickle(optimizer):
    return pickle.loads(pickle.dumps(optimizer))


COPIES = {"config": by_config, "json": by_json, "pickle": by_pickle, "deepcopy": copy.deepcopy}
AROUND = {
    "nothing": lambda optimizer: optimizer,
    "wrappers": lambda optimizer: keras_optim.EMA(keras_optim.Lookahead(optimizer)),
}


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("copied", COPIES)
def test_of_two_variables_of_one_path_one_is_excluded(copied, around):
    xs = twins()
    optimizer = AROUND[around](excluding(xs[1]))
    assert step(optimizer, xs) == [0.8, 0.9]
    assert step(COPIES[copied](optimizer), twins()) == [0.8, 0.9]
    again = COPIES[copied](COPIES[copied](optimizer))  # not built in between
    assert step(COPIES[copied](again), twins()) == [0.8, 0.9]


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("copied", COPIES)
def test_of_two_variables_of_one_path_one_has_another_rate(copied, around):
    xs = twins()
    rates = keras_optim.wrappers.variable_rates.VariableRates(xs, [1.0, 0.5])
    optimizer = AROUND[around](keras_optim.RateMultipliers(keras_optim.SGD(0.1), rates))
    for one in (COPIES[copied](optimizer), optimizer, COPIES[copied](optimizer)):
        assert step(one, xs if one is optimizer else twins()) == [0.9, 0.95]


def test_a_pattern_of_a_whole_path_is_of_all_variables_that_have_it():
    optimizer = keras_optim.SGD(0.1, weight_decay=1.0)
    optimizer.exclude_from_weight_decay(var_names=["^out$"])
    assert step(optimizer, [*twins(), at("other")]) == [0.9, 0.9, 0.8]


def test_rates_belong_to_the_variables_in_any_order():
    xs = twins(3)
    rates = keras_optim.wrappers.variable_rates.VariableRates(xs[::-1], [0.0, 1.0, 2.0])
    assert step(keras_optim.RateMultipliers(keras_optim.SGD(0.1), rates), xs) == [0.8, 0.9, 1.0]


def test_a_copy_from_before_the_build_knows_paths_only():
    xs = [*twins(), at("model/in")]
    optimizer = by_config(excluding(xs[2]))
    assert optimizer.get_config()["exclude_from_weight_decay"] == [{"path": "model/in"}]
    assert step(optimizer, xs) == [0.8, 0.8, 0.9]
    assert step(by_config(excluding(*xs[:2])), [*twins(), xs[2]])[:2] == [0.9, 0.9]
    loaded = at("in")
    assert step(by_config(excluding(xs[2])), [*twins(), loaded]) == [0.8, 0.8, 0.9]
    with pytest.raises(ValueError, match=r"variable out, and it is not certain which .*build\("):
        by_config(excluding(xs[0])).build(xs)


def test_a_variable_that_the_optimizer_is_not_built_for():
    first, second, other = [*twins(), at("other")]
    with pytest.raises(ValueError, match="SGD: `exclude_from.*the variable out, which is not am"):
        excluding(first).build([second, other])
    optimizer = excluding(first)
    with pytest.raises(ValueError, match="not among"):
        optimizer.build([second])
    assert step(optimizer, [first]) == [0.9]  # not half built


def test_positions_count_only_among_the_same_variables():
    names = ("dense_1/bias", "dense_2/bias", "dense_3/bias")
    xs = [at(name) for name in names]
    optimizer = excluding(xs[1])
    optimizer.build(xs)
    more = [at(name) for name in ("dense_0/bias", *names)]
    assert step(by_config(optimizer), more) == [0.8, 0.8, 0.9, 0.8]
    renamed = [at(f"dense_{i}/bias") for i in (7, 8, 9)]
    assert step(by_config(optimizer), renamed) == [0.8, 0.9, 0.8]
    others = [at(f"{name}/bias") for name in "abc"]
    assert step(by_config(optimizer), others) == [0.8, 0.9, 0.8]
    with pytest.raises(ValueError, match="dense_2/bias, which is not among"):
        by_config(optimizer).build(others[:2])


@pytest.mark.parametrize(
    ("before", "now", "same"),
    [
        (["sequential_3/dense/bias"], ["dense/bias"], True),
        (["body/q/kernel"], ["q/kernel"], True),
        (["sub_2/dense_13/bias"], ["dense_16/bias"], True),
        (["bias"], ["dense/bias"], True),
        (["a/bias"], ["b/bias"], False),
        (["dense/bias"], ["dense/kernel"], False),
        (["dense/bias"], ["dense/bias", "dense/bias"], False),
        ([], [], True),
    ],
)
def test_paths_before_and_after_loading(before, now, same):
    assert same_variables(before, now) == same


WRONG = ["bias", [3], [{"position": 1}], [{"path": 3}], [{"path": "a", "position": True}], [None]]


@pytest.mark.parametrize("wrong", WRONG)
def test_a_damaged_configuration(wrong):
    config = {**keras_optim.Adam().get_config(), "exclude_from_weight_decay": wrong}
    with pytest.raises(ValueError, match="Adam: `exclude_from_weight_decay` must be a list"):
        keras_optim.Adam.from_config(config)


@pytest.mark.parametrize("position", [-1, 1, 2**70])
def test_a_position_outside_is_none(position):
    place = {"path": "gone", "position": position, "of": 1}
    config = {**keras_optim.Adam().get_config(), "exclude_from_weight_decay": [place]}
    with pytest.raises(ValueError, match="the variable gone, which is not among"):
        keras_optim.Adam.from_config(config).build(twins(1))


@pytest.mark.skipif(BACKEND != "tensorflow", reason="native variables belong to TensorFlow")
def test_native_variables_are_known_themselves():
    import tensorflow as tf

    xs = [tf.Variable([1.0], name="out") for _ in range(2)]
    assert step(excluding(xs[1]), xs) == [0.8, 0.9]
