"""Arguments as users of Keras and other libraries know them: their names, their order, numbers."""

import fractions
import importlib.metadata
import inspect
import os
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

import keras_optim
from keras_optim import foreign, hyper, schedules
from keras_optim.catalog import ALGORITHMS, WRAPPERS
from tests.conftest import one_backend
from tests.trajectories import numbers, tensor, variables

BUILT_IN = [
    row.algorithm.__name__
    for row in ALGORITHMS
    if hasattr(keras.optimizers, row.algorithm.__name__)
]


def adam(*args, **kwargs):
    return keras_optim.Adam(*args, **kwargs)


def rate(optimizer):
    return float(ops.convert_to_numpy(optimizer.learning_rate))


# ---- Keras's arguments

VALUES = {
    "learning_rate": 0.5,
    "learning_rate_power": -0.25,
    "beta_2_decay": -0.5,
    "clipnorm": 2.0,
    "ema_overwrite_frequency": 3,
    "gradient_accumulation_steps": 2,
    "name": "it",
    "amsgrad": False,
    "relative_step": False,
    "nesterov": True,
    "centered": True,
    "use_ema": True,
}


def arguments_of_keras(name):
    parameters = list(inspect.signature(getattr(keras.optimizers, name)).parameters.values())
    return [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]


def test_built_ins_are_found():
    assert len(BUILT_IN) == 12


@pytest.mark.parametrize("name", BUILT_IN)
def test_each_argument_of_keras_is_taken(name):
    for argument in arguments_of_keras(name):
        value = VALUES.get(argument, 0.25)
        more = {"momentum": 0.5} if argument == "nesterov" else {}
        optimizer = getattr(keras_optim, name)(**{argument: value}, **more)
        if argument not in ("learning_rate", "amsgrad"):
            assert getattr(optimizer, argument) == value
    assert rate(getattr(keras_optim, name)(learning_rate=0.5)) == 0.5


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_order_of_arguments_is_that_of_keras(name):
    """What stands at a place means the same as there, or is refused."""
    order = arguments_of_keras(name)
    for count in range(1, len(order) + 1):
        given = {argument: VALUES.get(argument, 0.25) for argument in order[:count]}
        try:
            optimizer = getattr(keras_optim, name)(*given.values())
        except TypeError as error:
            assert "too many positional" in str(error)
            assert count > len(hyper.own_parameters(getattr(keras_optim, name).__init__)) - 1
            break
        for argument, value in given.items():
            assert argument == "learning_rate" or getattr(optimizer, argument) == value


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_configuration_of_keras_is_taken(name):
    theirs = getattr(keras.optimizers, name)(0.125, weight_decay=0.5, clipnorm=2.0)
    ours = getattr(keras_optim, name).from_config(theirs.get_config())
    for key, value in theirs.get_config().items():
        if key not in ("learning_rate", "amsgrad"):
            assert getattr(ours, key) == value
    assert rate(ours) == 0.125


def test_amsgrad_has_a_class_of_its_own():
    for algorithm, hint in (
        (keras_optim.Adam, "use `keras_optim.AMSGrad`"),
        (keras_optim.AdamW, r"use `keras_optim.AMSGrad\(weight_decay=...\)`"),
    ):
        assert type(algorithm(amsgrad=False)) is algorithm
        with pytest.raises(TypeError, match=f"{algorithm.__name__}: .*`amsgrad`: {hint}"):
            algorithm(amsgrad=True)
        with pytest.raises(TypeError, match=hint):
            algorithm.from_config(
                getattr(keras.optimizers, algorithm.__name__)(amsgrad=True).get_config()
            )
    with pytest.raises(TypeError, match="only `keras_optim.AMSGrad`"):
        keras_optim.RAdam(amsgrad=False)


def test_shrinkage_is_that_of_keras(float64):
    options = dict(
        initial_accumulator_value=0.5, beta=0.25, l2_shrinkage_regularization_strength=0.75
    )
    xs, ys = variables([np.zeros(3)], "float64"), variables([np.zeros(3)], "float64")
    ours, theirs = keras_optim.Ftrl(0.5, **options), keras.optimizers.Ftrl(0.5, **options)
    for step in range(4):
        g = tensor(np.array([1.0, -0.5, 0.0]) * (step + 1) - 1, "float64")
        ours.apply([g], xs)
        theirs.apply([g], ys)
    np.testing.assert_allclose(numbers(xs)[0], numbers(ys)[0], rtol=1e-12)
    assert np.abs(numbers(xs)[0]).min() > 0.1


# ---- words of other libraries

WORDS = [
    (keras_optim.Adam, "lr", ": use `learning_rate`"),
    (keras_optim.Adam, "betas", ": use `beta_1` and `beta_2`"),
    (keras_optim.Adam, "eps", ": use `epsilon`"),
    (keras_optim.Adam, "b1", ": use `beta_1`"),
    (keras_optim.Adam, "momentum", ": use `beta_1`"),
    (keras_optim.Adam, "decay", ": give `learning_rate` a schedule"),
    (keras_optim.Adam, "nesterov", ": use `keras_optim.Nadam`"),
    (keras_optim.Adam, "weight_decay_rate", ": use `weight_decay`"),
    (keras_optim.Adam, "learningrate", ": did you mean `learning_rate`?"),
    (keras_optim.Adam, "Beta_1", ": did you mean `beta_1`?"),
    (keras_optim.Adam, "foreach", ": leave it out"),
    (keras_optim.Adam, "xyz", ". Received"),
    (keras_optim.SGD, "beta_1", ": use `momentum`"),
    (keras_optim.SGD, "betas", ". Received"),
    (keras_optim.RMSprop, "alpha", ": use `rho`"),
    (keras_optim.RMSprop, "decay", ": use `rho`"),
    (keras_optim.Adafactor, "eps", ": use `epsilon_1` and `epsilon_2`"),
    (keras_optim.Adafactor, "warmup_init", ": give `learning_rate` a schedule"),
    (keras_optim.QHAdam, "nus", ": use `nu_1` and `nu_2`"),
    (keras_optim.Lookahead, "k", ": use `sync_period`"),
    (keras_optim.Lookahead, "alpha", ": use `slow_step_size`"),
    (keras_optim.Lookahead, "lr", ": use `learning_rate`"),
    (keras_optim.EMA, "optimizer", ": use `inner`"),
    (schedules.StepDecay, "lr", ": use `initial_learning_rate`"),
    (schedules.StepDecay, "gamma", ": use `decay_rate`"),
    (schedules.NaturalExponentialDecay, "gamma", ": use `decay_rate=-math.log(gamma)`"),
    (schedules.CosineAnnealing, "T_max", ": use `decay_steps`"),
    (schedules.CosineAnnealing, "alpha", ": use `end_learning_rate`, a rate"),
    (schedules.OneCycle, "max_lr", ": use `max_learning_rate`"),
    (keras_optim.callbacks.LearningRateFinder, "end_lr", ": use `max_learning_rate`"),
    (keras_optim.LBFGS, "memory_size", ": use `history_size`"),
]


@pytest.mark.parametrize(
    ("made", "word", "hint"), WORDS, ids=[f"{m.__name__}-{w}" for m, w, _ in WORDS]
)
def test_foreign_words(made, word, hint):
    with pytest.raises(TypeError) as caught:
        made(**{word: 0.5})
    message = str(caught.value)
    assert message.startswith(f"{made.__name__}: unknown argument `{word}`{hint}"), message
    assert f"Received: {word}=0.5. Arguments: " in message


def test_words_are_of_use():
    """Each names arguments that some class has, and each class that is named is there."""
    made = [row.algorithm for row in (*ALGORITHMS, *WRAPPERS)]
    made += [getattr(schedules, name) for name in schedules.__all__]
    made += [keras_optim.LBFGS, keras_optim.callbacks.LearningRateFinder]
    known = {*hyper.OPTION_DEFAULTS, "learning_rate"}
    known.update(name for cls in made for name in hyper.own_parameters(cls.__init__))
    for word, meant in foreign.WORDS.items():
        assert word not in meant
        assert {name for names in meant for name in names.split()} <= known, word
    assert {*foreign.CLASSES, *foreign.IDLE} <= {cls.__name__ for cls in made}


# ---- numbers


def held(value):
    """The number in what is without axes, each in another way."""
    yield np.array(value)
    yield np.float32(value)
    yield ops.convert_to_tensor(value)
    yield keras.Variable(value)
    yield keras.Variable(value).value


def test_what_holds_one_number_is_one():
    for one in held(0.25):
        made = keras_optim.AdamW(one, weight_decay=one, beta_1=one, clipnorm=one)
        assert rate(made) == made.weight_decay == made.beta_1 == made.clipnorm == 0.25
        assert type(made.beta_1) is type(made.weight_decay) is float
        made.learning_rate = 0.5
        made.learning_rate = one
        made.beta_2 = one
        assert rate(made) == made.beta_2 == 0.25 and type(made.beta_2) is float
        wrapper = keras_optim.RateMultipliers(adam(), {"x": one}, learning_rate=one)
        assert wrapper.multipliers == {"x": 0.25} and rate(wrapper) == 0.25
        assert schedules.CosineAnnealing(one, 10).initial_learning_rate == 0.25
    assert keras_optim.AggMo(betas=[np.array(0.5)]).betas == (0.5,)
    for period in (np.array(3), ops.convert_to_tensor(3), np.int8(3)):
        assert keras_optim.Lookahead(adam(), period).sync_period == 3
        assert schedules.REX(0.1, period).decay_steps == 3
    assert rate(adam(fractions.Fraction(1, 4))) == 0.25


def test_a_rate_is_put_back():
    optimizer = adam(0.1)
    old = optimizer.learning_rate.numpy()
    optimizer.learning_rate = 0.5
    optimizer.learning_rate = old
    assert rate(optimizer) == np.float32(0.1)


WRONG = [
    np.array([0.1]),
    np.ones((1, 1)),
    np.array(True),
    np.array("0.1"),
    np.array(0.1j),
    np.array(None),
]


@pytest.mark.parametrize("value", WRONG, ids=repr)
def test_other_arrays_are_no_numbers(value):
    with pytest.raises(TypeError, match="Adam: `learning_rate` must be"):
        adam(value)
    with pytest.raises(TypeError, match="Adam: `learning_rate` must be"):
        adam().learning_rate = value
    with pytest.raises(TypeError, match="Adam: `beta_1` must be"):
        adam(beta_1=value)
    with pytest.raises(TypeError, match="Lookahead: `sync_period` must be"):
        keras_optim.Lookahead(adam(), value)
    with pytest.raises(TypeError, match="REX: `decay_steps` must be"):
        schedules.REX(0.1, value)
    with pytest.raises(TypeError, match="Cyclic: `mode` must be"):
        schedules.Cyclic(0.1, 0.2, mode=value)


def test_other_tensors_are_no_numbers():
    for value in (ops.ones((1,)), keras.Variable([0.1]), ops.convert_to_tensor(True)):
        with pytest.raises(TypeError, match="Adam: `learning_rate` must be"):
            adam().learning_rate = value
        with pytest.raises(TypeError, match="Adam: `epsilon` must be"):
            adam(epsilon=value)
    with pytest.raises(TypeError, match="`sync_period` must be"):
        keras_optim.Lookahead(adam(), np.array(2.0))
    for value in (ops.convert_to_tensor(-1.0), np.array(np.nan)):
        with pytest.raises(ValueError, match="Adam: `learning_rate` must be"):
            adam().learning_rate = value


HUGE = [10**400, 10**5000, 1e308, 3.5e38, np.array(1e39), fractions.Fraction(10**400)]
MANY = [2**70, 2**31, np.int64(2**40), np.array(2**40)]


def setting(name, value):
    optimizer = keras_optim.AdamW()
    setattr(optimizer, name, value)


@pytest.mark.parametrize(
    "value",
    HUGE,
    ids=lambda v: f"{type(v).__name__}-{str(v)[:6]}" if not isinstance(v, int) else "int",
)
def test_what_no_float32_holds_is_refused_by_name(value):
    for call, name in (
        (lambda: adam(value), "learning_rate"),
        (lambda: adam(weight_decay=value), "weight_decay"),
        (lambda: adam(clipnorm=value), "clipnorm"),
        (lambda: adam(beta_1=value), "beta_1"),
        (lambda: setting("learning_rate", value), "learning_rate"),
        (lambda: setting("weight_decay", value), "weight_decay"),
        (lambda: keras_optim.RateMultipliers(adam(), {"x": value}), "multipliers"),
        (lambda: keras_optim.EMA(adam(), learning_rate=value), "learning_rate"),
        (lambda: schedules.REX(value, 10), "initial_learning_rate"),
        (lambda: schedules.Warmup(value, 10), "schedule"),
        (lambda: schedules.Join([0.1, value], [10]), "schedules"),
        (lambda: keras_optim.callbacks.LearningRateFinder(1e-6, value), "max_learning_rate"),
        (
            lambda: keras_optim.minimize(lambda: 0.0, variables=[], gradient_tolerance=value),
            "gradient_tolerance",
        ),
    ):
        with pytest.raises(ValueError, match=rf"\w+: `{name}(\[.*\])?` must be") as caught:
            call()
        assert len(str(caught.value)) < 400


@pytest.mark.parametrize("value", MANY, ids=[f"{type(v).__name__}-{i}" for i, v in enumerate(MANY)])
def test_what_no_count_of_steps_holds_is_refused_by_name(value):
    for call, name in (
        (lambda: keras_optim.Lookahead(adam(), sync_period=value), "sync_period"),
        (lambda: keras_optim.SWA(adam(), value), "start_step"),
        (lambda: adam(gradient_accumulation_steps=value), "gradient_accumulation_steps"),
        (lambda: adam(ema_overwrite_frequency=value), "ema_overwrite_frequency"),
        (lambda: schedules.REX(0.1, value), "decay_steps"),
        (lambda: schedules.Warmup(0.1, value), "warmup_steps"),
        (lambda: schedules.Join([0.1, 0.2], [value]), "boundaries"),
        (lambda: keras_optim.callbacks.LearningRateFinder(steps=value), "steps"),
        (lambda: keras_optim.LBFGS(history_size=value), "history_size"),
        (
            lambda: keras_optim.minimize(lambda: 0.0, variables=[], max_iterations=value),
            "max_iterations",
        ),
    ):
        with pytest.raises(ValueError, match=rf"`{name}(\[.*\])?` must be .* at most 2147483647"):
            call()


def test_sums_of_steps_are_counts_as_well():
    most = 2**31 - 1
    with pytest.raises(ValueError, match="`warmup_steps` and `stable_steps` must be at most"):
        schedules.WarmupStableDecay(0.1, most, 1, 1)
    with pytest.raises(ValueError, match="Cyclic: `step_size_up` and `step_size_down` must be"):
        schedules.Cyclic(0.1, 0.2, step_size_up=2**30)
    with pytest.raises(ValueError, match="OneCycle: `max_learning_rate / div_factor`"):
        schedules.OneCycle(1.0, 10, div_factor=1e-300)
    for schedule in (
        schedules.WarmupStableDecay(0.5, most - 1, 1, most),
        schedules.Cyclic(0.5, 1.0, most - 1, 1),
        schedules.Warmup(0.5, most),
        schedules.OneCycle(0.5, most),
        schedules.Join([0.5, 0.25], [most]),
        schedules.REX(0.5, most),
        schedules.StepDecay(0.5, most),
    ):
        assert 0 <= float(schedule(0)) <= 0.5
        assert np.isfinite(float(schedule(most)))
    largest = float(np.finfo("float32").max)
    assert rate(adam(largest)) == largest
    assert keras_optim.Lookahead(adam(), most).sync_period == most
    assert keras_optim.GradientNoise(adam(), seed=2**40).seed == 2**40


def test_hyper_parameters_are_checked_when_they_are_set():
    optimizer = keras_optim.EMA(keras_optim.AdamW())
    with pytest.raises(ValueError, match=r"AdamW: `beta_1` must be a number in \[0, 1\)"):
        optimizer.inner.beta_1 = 1.5
    with pytest.raises(TypeError, match="EMA: `decay` must be a number"):
        optimizer.decay = "0.9"
    with pytest.raises(ValueError, match="EMA: `weight_decay` must be"):
        optimizer.weight_decay = -1
    optimizer.decay = 0
    assert optimizer.decay == 0.0 and type(optimizer.decay) is float


def test_a_callable_rate_is_not_set_to_a_number():
    optimizer = adam(lambda: 0.25)
    with pytest.raises(TypeError, match="Adam: `learning_rate` must be a schedule or a callable"):
        optimizer.learning_rate = 0.5
    with pytest.raises(TypeError, match=r"made with, REX\(initial.*learning_rate=0.5"):
        adam(schedules.REX(0.1, 10)).learning_rate = 0.5
    optimizer.learning_rate = lambda: 0.5
    assert float(optimizer.learning_rate) == 0.5


def test_messages_are_short():
    long = np.zeros(100_000)
    for call in (
        lambda: adam(long),
        lambda: adam(beta_1=list(long)),
        lambda: adam(lr=long),
        lambda: keras_optim.AggMo(betas=[*long[:1000], 2.0]),
        lambda: keras_optim.EMA(long),
        lambda: keras_optim.get(long),
        lambda: keras_optim.RateMultipliers(adam(), {0: long}),
        lambda: schedules.Join(list(long), [1]),
        lambda: schedules.Join([0.1] * 1001, [1] * 1000),
        lambda: keras_optim.minimize(long),
        lambda: keras_optim.minimize(lambda: 0.0, variables=[long]),
        lambda: adam("x" * 100_000),
    ):
        with pytest.raises((TypeError, ValueError)) as caught:
            call()
        assert len(str(caught.value)) < 1500


# ---- the package


def test_there_is_one_version():
    text = (Path(keras_optim.__file__).parent / "_version.py").read_text(encoding="utf-8")
    assert f'__version__ = "{keras_optim.__version__}"' in text
    assert importlib.metadata.version("keras_optim") == keras_optim.__version__


WITHOUT_METADATA = """
import importlib.metadata as m

def version(name):
    raise m.PackageNotFoundError(name)

m.version = version
import keras_optim

print(keras_optim.__file__, keras_optim.__version__)
"""


@one_backend
def test_a_copy_without_metadata_is_imported(tmp_path):
    shutil.copytree(Path(keras_optim.__file__).parent, tmp_path / "keras_optim")
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_METADATA],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert str(tmp_path) in done.stdout and keras_optim.__version__ in done.stdout
