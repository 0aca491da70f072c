"""Optimizers as the command line spells them, and contenders made of them."""

import random

import keras
import pytest

import keras_optim
from keras_optim.compare.contenders.contender import Contender, contenders
from keras_optim.compare.contenders.optimizer_spec import parse_specs
from keras_optim.compare.process.errors import UsageError
from tests.conftest import one_backend

pytestmark = one_backend


# ---- optimizers as the command line spells them


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("adam", ["adam"]),
        ("Adam, SGD", ["adam", "sgd"]),
        ("sgd[]", ["sgd"]),
        ("sgd[nesterov=True, momentum=.9]", ["sgd[momentum=0.9,nesterov=true]"]),
        ("adam[epsilon=1e-8,clipnorm=none]", ["adam[clipnorm=none,epsilon=1e-08]"]),
        ("adam[learning_rate=1]", ["adam[learning_rate=1]"]),
        ("sgd[name=fast-1.0]", None),
        ("lookahead[inner=adam,sync_period=5]", ["lookahead[inner=adam,sync_period=5]"]),
        ("lookahead[inner=sgd[momentum=0.9]]", ["lookahead[inner=sgd[momentum=0.9]]"]),
        ("a[inner=b[inner=c[x=-1]]],d", ["a[inner=b[inner=c[x=-1]]]", "d"]),
        ("aggmo[betas=(0,0.9,0.99)]", ["aggmo[betas=(0,0.9,0.99)]"]),
        ("", None),
        ("sgd]", None),
        ("sgd[momentum]", None),
        ("sgd[momentum=]", None),
        ("sgd[momentum=0.9,momentum=0.8]", None),
        ("sgd[momentum=0.9", None),
        ("sgd[momentum=0.9;nesterov=true]", None),
        ("0.9", None),
        ("adam sgd", None),
    ],
)
def test_spelling(text, labels):
    if labels is None:
        with pytest.raises(UsageError, match="optimizer "):
            parse_specs(text)
        return
    specs = parse_specs(text)
    assert [str(spec) for spec in specs] == labels
    assert [parse_specs(label)[0] for label in labels] == specs


def test_arguments_reach_the_optimizer():
    (spec,) = parse_specs("lookahead[inner=sgd[momentum=0.5,nesterov=true],sync_period=7]")
    optimizer = spec.build()
    assert optimizer.sync_period == 7
    assert optimizer.inner.momentum == 0.5 and optimizer.inner.nesterov is True


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("adam[beta_1=2]", "`beta_1` must be a number in"),
        ("adam[beta_3=0.9]", "unknown argument `beta_3`"),
        ("sgd[momentum=much]", "`momentum`"),
        ("lookahead[inner=adam[epsilon=-1]]", "`epsilon`"),
        ("ema[decay=0.5]", "ema goes around another optimizer, such as ema[inner=adam,decay=0.5]"),
        ("adma", "No optimizer is called 'adma'. Did you mean: adam"),
        (3, "a name such as 'adamw'"),
    ],
)
def test_wrong_optimizers(label, expected):
    with pytest.raises(UsageError) as caught:
        Contender.of(label)
    assert str(caught.value).startswith("optimizers: ")
    assert expected in str(caught.value)


def test_an_optimizer_that_is_built_may_have_state():
    optimizer = keras_optim.Adam()
    optimizer.build([keras.Variable([1.0])])
    with pytest.raises(UsageError, match="Adam is built, so it may have state"):
        Contender.of(optimizer)


def test_all_stands_for_the_catalogue():
    labels = [c.label for c in contenders(["adam[epsilon=0.1]", "all", "adam"])]
    assert labels == ["adam[epsilon=0.1]", *keras_optim.names()]
    assert [c.label for c in contenders("Adam, sgd[momentum=.9]")] == ["adam", "sgd[momentum=0.9]"]
    assert [c.label for c in contenders(["lion", "sgd,ALL"])][:3] == ["lion", "sgd", "qhm"]
    with pytest.raises(UsageError, match="none is given"):
        contenders([])


@pytest.mark.parametrize(
    ("given", "label"),
    [
        (lambda: "SGD[momentum=.9]", "sgd[momentum=0.9]"),
        (lambda: keras_optim.Adam(), "adam"),
        (lambda: keras_optim.Lion, "lion"),
        (lambda: keras_optim.SGD(0.1, momentum=0.9), "SGD(learning_rate=0.1, momentum=0.9)"),
        (lambda: keras_optim.SGD(momentum=0.9), "SGD(momentum=0.9)"),
        (lambda: keras_optim.EMA(keras_optim.SGD()), "EMA(SGD())"),
        (lambda: keras.optimizers.Adam(), "keras.Adam()"),
        (lambda: keras.optimizers.SGD(nesterov=True), "keras.SGD(nesterov=True)"),
    ],
)
def test_labels(given, label):
    assert Contender.of(given()).label == label


def test_hyperparameters_reach_the_optimizer_and_the_one_inside():
    contender = Contender.of("lookahead[inner=adam]")
    optimizer = contender.make({"learning_rate": 0.25, "inner.beta_1": 0.5, "sync_period": 3})
    assert float(optimizer.learning_rate) == 0.25
    assert (optimizer.inner.beta_1, optimizer.sync_period) == (0.5, 3)
    assert contender.make() is not contender.make()


def test_a_rate_that_is_a_schedule_is_multiplied():
    schedule = keras.optimizers.schedules.CosineDecay(0.5, 10)
    for kind in (keras_optim.Adam, keras.optimizers.Adam):
        contender = Contender.of(kind(schedule))
        assert contender.scheduled
        assert contender.rate == 1.0
        rate = contender.make({"learning_rate": 0.1})._learning_rate
        assert float(rate(5)) == pytest.approx(0.1 * float(schedule(5)))
        restored = type(rate).from_config(rate.get_config())
        assert float(restored(5)) == pytest.approx(float(rate(5)))


def test_the_code_tells_configurations_apart_and_nothing_else():
    labels = ["adam", "adam[beta_1=0.8]", "lookahead[inner=adam]", "lookahead[inner=sgd]"]
    codes = [Contender.of(label).code for label in labels]
    assert len(set(codes)) == 4
    assert codes == [Contender.of(label).code for label in labels]


def test_equal_labels_are_numbered():
    def sgd(rate):
        return keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(rate, 10))

    labels = [c.label for c in contenders([sgd(0.1), sgd(0.9), sgd(0.1)])]
    assert labels == [f"keras.SGD(learning_rate=CosineDecay){n}" for n in ("", " no. 2")]


@pytest.mark.parametrize(
    "given", ["adahessian", "sophiag", "gradientnoise[inner=sgd]", keras_optim.SophiaH]
)
def test_an_optimizer_with_a_seed_of_its_own_is_the_same_in_each_process(given):
    random.seed(1)
    expected = random.random()
    random.seed(1)
    one = Contender.of(given)
    assert random.random() == expected  # others draw as before
    random.seed(2)
    assert Contender.of(given).code == one.code
