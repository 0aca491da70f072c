"""Search spaces: relative to the optimizer's own values, and within its declared ranges."""

import itertools
import random

import keras
import pytest

import keras_optim
from keras_optim.arguments.ranges import KerasOptions, Range
from keras_optim.compare.search import relative
from keras_optim.compare.search.dimensions import Choice, Number, own
from keras_optim.compare.search.space import check_names, describe, space
from tests.conftest import one_backend
from tests.support.catalog_cases import EVERY, make

pytestmark = one_backend


def applied(optimizer, candidate):
    """Return a new optimizer with the values of a candidate."""
    config = optimizer.get_config()
    for key, value in candidate.items():
        *inside, name = key.split(".")
        place = config
        for step in inside:
            place = place[step]["config"]
        place[name] = value
    return type(optimizer).from_config(config)


def candidates(dimensions):
    """Yields own values, all corners or many of them, each dimension's ends, and random points."""
    generator = random.Random(0)
    yield own(dimensions)
    corners = list(itertools.product((0.0, 1.0), repeat=min(len(dimensions), 5)))
    for corner in corners:
        shares = itertools.cycle(corner)
        yield {name: dimension.at(next(shares)) for name, dimension in dimensions.items()}
    for name, end in itertools.product(dimensions, (0.0, 1.0)):
        yield own(dimensions) | {name: dimensions[name].at(end)}
    for _ in range(5):
        yield {name: dimension.at(generator.random()) for name, dimension in dimensions.items()}


@pytest.mark.parametrize("name", EVERY)
def test_no_constructor_refuses_a_point_of_its_space(name):
    optimizer = make(name)
    dimensions = space(optimizer, "all")
    assert "learning_rate" in dimensions
    for candidate in candidates(dimensions):
        tuned = applied(optimizer, candidate)
        assert own(space(tuned, list(dimensions))) == pytest.approx(candidate, rel=1e-6)
        assert all(dimensions[key].holds(value) for key, value in candidate.items())


@pytest.mark.parametrize("name", EVERY)
def test_all_spaces_have_the_same_width_of_rate(name):
    rate = space(make(name))["learning_rate"]
    assert rate.low / rate.own == pytest.approx(10**-relative.RATE, rel=5e-3)
    assert rate.high / rate.own == pytest.approx(10**relative.RATE, rel=5e-3)


@pytest.mark.parametrize("name", EVERY)
def test_all_leaves_out_epsilons_counts_and_options(name):
    keys = space(make(name), "all")
    names = {key.rpartition(".")[2] for key in keys}
    assert not [key for key in names if "epsilon" in key or "period" in key or "seed" in key]
    assert not names & set(KerasOptions.__annotations__) - {"weight_decay"}
    assert all(isinstance(dimension, Number) for dimension in keys.values())
    assert not any(dimension.whole for dimension in keys.values())


def ends(dimension):
    return sorted((dimension.at(0.0), dimension.at(1.0)))


@pytest.mark.parametrize(
    ("optimizer", "name", "expected"),
    [
        (lambda: keras_optim.Adam(0.001), "learning_rate", [3.16e-5, 0.0316]),
        (lambda: keras_optim.Adam(), "beta_1", [1 - 0.316, 1 - 0.0316]),
        (lambda: keras_optim.Adam(beta_1=0.6), "beta_1", [0.001, 1 - 0.126]),
        (lambda: keras_optim.Adam(beta_1=0.2), "beta_1", [0.02, 0.999]),
        (lambda: keras_optim.SGD(), "momentum", [0.0, 0.99]),
        (lambda: keras_optim.PAdam(), "partial", [0.0125, 0.5]),
        (lambda: keras_optim.RAdam(), "sma_threshold", [4.1, 14.0]),
        (lambda: keras_optim.Ftrl(), "learning_rate_power", [-5.0, -0.05]),
        (lambda: keras_optim.QHAdam(), "nu_2", [0.0, 1.0]),
        (lambda: keras_optim.AdamW(), "weight_decay", [0.001, 0.1]),
        (lambda: keras_optim.Lookahead(keras_optim.Adam()), "sync_period", [1, 50]),
        (lambda: keras_optim.Prodigy(), "learning_rate", [0.0316, 31.6]),
        (lambda: keras_optim.COCOB(), "learning_rate", [0.0316, 31.6]),
        (lambda: keras.optimizers.AdamW(), "weight_decay", [0.0004, 0.04]),
        (lambda: keras.optimizers.RMSprop(), "rho", [1 - 0.316, 1 - 0.0316]),
    ],
)
def test_worked_out_by_hand(optimizer, name, expected):
    found = space(optimizer(), [name])
    assert list(found) == [name]
    low, high = ends(found[name])
    assert [low, high] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("value", [None, 0.0])
def test_a_number_that_is_off(value):
    decay = space(keras_optim.Adam(weight_decay=value), ["weight_decay"])["weight_decay"]
    shares = [decay.at(k / 1000) for k in range(1001)]
    assert shares.count(value) == 200
    assert min(v for v in shares if v) == 1e-5 and max(v for v in shares if v) == 0.1
    assert decay.own == value
    assert decay.value(decay.position(value)) == value
    assert str(decay) == f"1e-05 to 0.1 on a log scale, or {value}"


def test_choices():
    found = space(keras_optim.Shampoo(), ["grafting", "root_method"])
    assert found["grafting"] == Choice("adam", ("adam", "sgd", None))
    assert found["root_method"] == Choice("eigh", ("eigh", "newton"))
    assert [found["grafting"].at(u) for u in (0.0, 0.5, 1.0)] == ["adam", "sgd", None]
    assert space(keras_optim.SGD(), ["nesterov"])["nesterov"] == Choice(False, (False, True))


def test_a_schedule_is_multiplied():
    schedule = keras.optimizers.schedules.CosineDecay(0.1, 10)
    for optimizer in (keras_optim.Adam(schedule), keras.optimizers.Adam(schedule)):
        [(name, rate)] = space(optimizer).items()
        assert name == "learning_rate" and rate.multiple and rate.own == 1.0
        assert ends(rate) == [0.0316, 31.6]
        assert "times the schedule" in str(rate)


def test_wrappers_pass_names_on():
    wrapped = keras_optim.EMA(keras_optim.Lookahead(keras_optim.AdamW(0.01)))
    names = ["learning_rate", "beta_1", "weight_decay", "slow_step_size"]
    assert own(space(wrapped, names)) == {
        "learning_rate": 0.01,
        "inner.slow_step_size": 0.5,
        "inner.inner.beta_1": 0.9,
        "inner.inner.weight_decay": 0.01,
    }
    assert list(space(wrapped, ["inner.inner.beta_2"])) == ["inner.inner.beta_2"]


@pytest.mark.parametrize(
    ("wrapped", "key"),
    [
        (lambda: keras_optim.EMA(keras_optim.Adam()), "weight_decay"),
        (lambda: keras_optim.EMA(keras_optim.Adam(), weight_decay=0.1), "weight_decay"),
        (lambda: keras_optim.EMA(keras_optim.Adam(weight_decay=0.1)), "inner.weight_decay"),
        (lambda: keras_optim.EMA(keras_optim.AdamW()), "inner.weight_decay"),
    ],
)
def test_weight_decay_belongs_to_the_layer_that_keeps_it(wrapped, key):
    optimizer = wrapped()
    [found] = space(optimizer, ["weight_decay"])
    assert found == key
    tuned = applied(optimizer, {key: 0.05})
    assert tuned.weight_decay == 0.05


def test_keras_wrapper_and_route():
    outer = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.01))
    assert own(space(outer)) == {"learning_rate": 0.01}
    route = keras_optim.Route({".": keras_optim.Adam(0.01)})
    assert own(space(route, "all")) == {"learning_rate": 1.0}


def test_an_optimizer_without_a_rate_has_an_empty_space():
    class Rateless:
        pass

    assert space(Rateless(), "all") == {}


def test_names():
    optimizers = [keras_optim.SGD(), keras.optimizers.Adam()]
    assert list(space(optimizers[0], ["beta_1"])) == []
    check_names(optimizers, ["learning_rate", "beta_1", "momentum", "weight_decay"])
    with pytest.raises(ValueError, match="'beta1'. Did you mean: beta_1"):
        check_names(optimizers, ["beta1"])
    with pytest.raises(ValueError, match=r"betas cannot be searched. It holds \(0"):
        space(keras_optim.AggMo(), ["betas"])
    with pytest.raises(ValueError, match=r"weight_decay cannot be searched. It holds \{'.': 0.1\}"):
        space(keras_optim.Adam(weight_decay={".": 0.1}), ["weight_decay"])


def test_a_rate_that_is_rounded_by_single_precision_is_the_one_given():
    assert own(space(keras_optim.Adam(0.001))) == {"learning_rate": 0.001}


@pytest.mark.parametrize("high", [0.5, 0.1234567, 0.9999, 1 / 3])
@pytest.mark.parametrize("opened", ["none", "both"])
def test_ends_keep_three_digits_within_their_range(high, opened):
    limits = Range(0.01234567, high, opened)
    dimension = relative.number(min(high, 0.4) * 0.9, float, limits, 2.0)
    assert all(end in limits for end in ends(dimension))
    assert dimension.low == float(f"{dimension.low:.3g}")


def test_sentences():
    assert "within 1.5 decades" in describe()
    assert describe(["learning_rate", "beta_1"]).startswith("learning_rate and beta_1, relative")
    assert "every declared real number" in describe("all")
