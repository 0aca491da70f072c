"""Arguments as users of Keras and other libraries know them: their names, their order, numbers."""

import inspect

import keras
import numpy as np
import pytest
from keras import ops

import keras_optim
from keras_optim import schedules
from keras_optim.arguments import hyperparameters, other_names, ranges
from keras_optim.catalog import ALGORITHMS, WRAPPERS
from tests.support.trajectories import numbers, tensor, variables

OTHERWISE = ("Muon",)
"""Those whose arguments differ from those of Keras's class."""
BUILT_IN = [
    row.algorithm.__name__
    for row in ALGORITHMS
    if hasattr(keras.optimizers, row.algorithm.__name__) and row.algorithm.__name__ not in OTHERWISE
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
    "warmup_steps": 3,
    "use_ema": True,
}


def arguments_of_keras(name):
    parameters = list(inspect.signature(getattr(keras.optimizers, name)).parameters.values())
    return [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]


def test_built_ins_are_found():
    assert len(BUILT_IN) == 13


@pytest.mark.parametrize("name", BUILT_IN)
def test_each_argument_of_keras_is_taken(name):
    average_themselves = getattr(keras_optim, name)().averaging
    for argument in arguments_of_keras(name):
        if argument == "use_ema" and average_themselves:
            continue  # refused, see `tests/wrappers/test_schedule_free.py`
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
            parameters = inspect.signature(getattr(keras_optim, name)).parameters.values()
            assert count > sum(p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters)
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


@pytest.mark.parametrize("name", OTHERWISE)
def test_other_arguments_of_keras_are_refused_with_advice(name):
    """And none at a place where Keras has another."""
    ours = getattr(keras_optim, name)
    known = {*hyperparameters.own_parameters(ours.__init__), *ranges.OPTION_DEFAULTS}
    for argument in set(arguments_of_keras(name)) - known:
        with pytest.raises(TypeError, match=f"{name}: unknown argument `{argument}`: (use|embed)"):
            ours(**{argument: 0.25})
    with pytest.raises(TypeError, match="too many positional"):
        ours(0.5, 0.25)


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
    (keras_optim.Adam, "learningrate", ": perhaps `learning_rate` is meant"),
    (keras_optim.Adam, "Beta_1", ": perhaps `beta_1` is meant"),
    (keras_optim.Adam, "foreach", ": leave it out"),
    (keras_optim.Adam, "xyz", ". Received"),
    (keras_optim.Muon, "adjust_lr_fn", ": use `adjust_lr`"),
    (keras_optim.Muon, "ns_coeffs", ": use `ns_coefficients`"),
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
    known = {*ranges.OPTION_DEFAULTS, "learning_rate"}
    known.update(name for cls in made for name in hyperparameters.own_parameters(cls.__init__))
    for word, meant in other_names.WORDS.items():
        assert word not in meant
        assert {name for names in meant for name in names.split()} <= known, word
    assert {*other_names.CLASSES, *other_names.IDLE} <= {cls.__name__ for cls in made}
