"""What is taken for a number, which numbers are too large, and what is said of others."""

import fractions

import keras
import numpy as np
import pytest
from keras import ops

import keras_optim
from keras_optim import schedules


def adam(*args, **kwargs):
    return keras_optim.Adam(*args, **kwargs)


def rate(optimizer):
    return float(ops.convert_to_numpy(optimizer.learning_rate))


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
    with pytest.raises(TypeError, match=r"made with REX\(initial.*learning_rate=0.5"):
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
        assert "array(" not in str(caught.value)
