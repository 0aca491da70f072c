"""Schedules: exact values, configuration, training."""

import json
import math

import keras
import numpy as np
import pytest
from keras import ops

import keras_optim
from keras_optim import schedules
from keras_optim.schedules import (
    REX,
    CosineAnnealing,
    Cyclic,
    Join,
    NaturalExponentialDecay,
    Noam,
    OneCycle,
    PolynomialDecay,
    StepDecay,
    Warmup,
    WarmupStableDecay,
)


def cosine(z):
    return (1 + math.cos(math.pi * z)) / 2


BIG = 2**24 + 3  # single precision holds no odd number here
KERAS_DECAY = keras.optimizers.schedules.ExponentialDecay(0.5, 10, 0.25)

# Each schedule with the exact rate at steps 0, 1, its boundaries, its last step and beyond.
TABLE = {
    "step": (
        StepDecay(0.3, decay_steps=10, decay_rate=0.1),
        {0: 0.3, 1: 0.3, 9: 0.3, 10: 0.03, 19: 0.03, 20: 0.003, 100: 0.3e-10},
    ),
    "step-large": (
        StepDecay(0.3, decay_steps=2**23 + 1, decay_rate=0.5),
        {2**23: 0.3, 2**23 + 1: 0.15, 2**24 + 1: 0.15, 2**24 + 2: 0.075},
    ),
    "natural": (
        NaturalExponentialDecay(0.3, decay_rate=0.01),
        {0: 0.3, 1: 0.3 * math.exp(-0.01), 500: 0.3 * math.exp(-5)},
    ),
    "cosine": (
        CosineAnnealing(0.3, decay_steps=10, end_learning_rate=0.1),
        {0: 0.3, 1: 0.1 + 0.2 * cosine(0.1), 5: 0.2, 9: 0.1 + 0.2 * cosine(0.9), 10: 0.1, 11: 0.1}
        | {10**6: 0.1},
    ),
    "rex": (
        REX(0.3, decay_steps=10, end_learning_rate=0.1),
        {0: 0.3, 1: 0.1 + 0.2 * 0.9 / 0.95, 5: 0.1 + 0.2 * 0.5 / 0.75, 10: 0.1, 11: 0.1},
    ),
    "noam": (
        Noam(0.3, warmup_steps=4),
        {0: 0.075, 1: 0.15, 3: 0.3, 4: 0.3 * math.sqrt(4 / 5), 15: 0.15, 63: 0.075},
    ),
    "polynomial": (
        PolynomialDecay(0.3, decay_steps=10, end_learning_rate=0.1, power=2.0),
        {0: 0.3, 1: 0.1 + 0.2 * 0.81, 5: 0.15, 10: 0.1, 11: 0.1},
    ),
    "warmup": (
        Warmup(0.3, warmup_steps=2),
        {0: 0.1, 1: 0.2, 2: 0.3, 3: 0.3, 10**6: 0.3},
    ),
    "warmup-none": (Warmup(0.3, warmup_steps=0), {0: 0.3, 1: 0.3}),
    "warmup-from": (
        Warmup(CosineAnnealing(0.3, decay_steps=10), warmup_steps=4, start_learning_rate=0.1),
        {0: 0.1, 1: 0.15, 3: 0.25, 4: 0.3, 5: 0.3 * cosine(0.1), 9: 0.15, 14: 0.0, 15: 0.0},
    ),
    "warmup-keras": (
        Warmup(KERAS_DECAY, warmup_steps=4),
        {0: 0.1, 3: 0.4, 4: 0.5, 14: 0.125, 24: 0.03125},
    ),
    "one-cycle": (
        OneCycle(0.5, total_steps=10, pct_start=0.4, div_factor=5.0, final_div_factor=10.0),
        {0: 0.1, 1: 0.5 - 0.4 * cosine(1 / 3), 2: 0.5 - 0.4 * cosine(2 / 3), 3: 0.5}
        | {4: 0.01 + 0.49 * cosine(1 / 6), 6: 0.255, 9: 0.01, 10: 0.01, 1000: 0.01},
    ),
    "one-cycle-linear": (
        OneCycle(0.5, 10, pct_start=0.35, div_factor=5.0, final_div_factor=10.0, anneal="linear"),
        {0: 0.1, 1: 0.1 + 0.4 / 2.5, 2: 0.1 + 0.8 / 2.5, 3: 0.5 - 0.49 * 0.5 / 6.5, 9: 0.01},
    ),
    "one-cycle-down": (OneCycle(0.5, 5, pct_start=0.0), {0: 0.5, 2: 0.25 + 1e-6, 4: 2e-6, 5: 2e-6}),
    "one-cycle-up": (OneCycle(0.5, 5, pct_start=1.0), {0: 0.02, 2: 0.26, 4: 0.5, 5: 0.5}),
    "triangular": (
        Cyclic(0.1, 0.3, step_size_up=4),
        {0: 0.1, 1: 0.15, 4: 0.3, 5: 0.25, 7: 0.15, 8: 0.1, 9: 0.15, 12: 0.3, BIG: 0.25},
    ),
    "triangular2": (
        Cyclic(0.1, 0.3, step_size_up=4, step_size_down=2, mode="triangular2"),
        {0: 0.1, 1: 0.15, 4: 0.3, 5: 0.2, 6: 0.1, 7: 0.125, 10: 0.2, 16: 0.15},
    ),
    "exp-range": (
        Cyclic(0.1, 0.3, step_size_up=4, mode="exp_range", gamma=0.9),
        {0: 0.1, 1: 0.1 + 0.05 * 0.9, 4: 0.1 + 0.2 * 0.9**4, 8: 0.1, 12: 0.1 + 0.2 * 0.9**12},
    ),
    "cyclic-large": (
        Cyclic(0.0, 1.0, step_size_up=2**20, step_size_down=2**20 + 1),
        {2**21: 1 / (2**20 + 1), 2**21 + 1: 0.0, 8 * (2**21 + 1) + 1: 2**-20, BIG: 5 / (2**20 + 1)},
    ),
    "wsd": (
        WarmupStableDecay(0.3, warmup_steps=2, stable_steps=3, decay_steps=4),
        {0: 0.1, 1: 0.2, 2: 0.3, 4: 0.3, 5: 0.3, 6: 0.225, 8: 0.075, 9: 0.0, 10: 0.0},
    ),
    "wsd-sqrt": (
        WarmupStableDecay(0.3, 0, 0, 4, end_learning_rate=0.1, decay="sqrt"),
        {0: 0.3, 1: 0.2, 2: 0.3 - 0.2 * math.sqrt(0.5), 4: 0.1, 5: 0.1},
    ),
    "wsd-cosine": (
        WarmupStableDecay(0.3, 1, 0, 4, end_learning_rate=0.1, decay="cosine"),
        {0: 0.15, 1: 0.3, 2: 0.1 + 0.2 * cosine(0.25), 3: 0.2, 5: 0.1, 6: 0.1},
    ),
    "join": (
        Join([0.5, CosineAnnealing(0.3, 4), KERAS_DECAY], boundaries=[3, 7]),
        {0: 0.5, 2: 0.5, 3: 0.3, 5: 0.15, 6: 0.3 * cosine(0.75), 7: 0.5, 17: 0.125},
    ),
}
CASES = [pytest.param(*case, id=name) for name, case in TABLE.items()]


def value(schedule, step):
    rate = schedule(step)
    assert ops.is_tensor(rate) and tuple(rate.shape) == ()
    return float(ops.convert_to_numpy(rate))


# ---- the numbers


@pytest.mark.parametrize(("schedule", "expected"), CASES)
def test_exact_values_in_single_precision(schedule, expected):
    for step, rate in expected.items():
        assert value(schedule, step) == pytest.approx(rate, rel=2e-6, abs=5e-8), step


# Keras's own PolynomialDecay computes in single precision on TensorFlow.
@pytest.mark.parametrize(
    ("schedule", "expected"), [c for c in CASES if not isinstance(c.values[0], PolynomialDecay)]
)
def test_exact_values_in_double_precision(schedule, expected, float64):
    for step, rate in expected.items():
        assert keras.backend.standardize_dtype(schedule(step).dtype) == "float64"
        assert value(schedule, step) == pytest.approx(rate, rel=1e-13, abs=1e-16), step


@pytest.mark.parametrize(("schedule", "expected"), CASES)
def test_a_step_may_be_a_number_a_tensor_or_a_variable(schedule, expected):
    for step in expected:
        number = value(schedule, step)
        assert value(schedule, ops.convert_to_tensor(step, dtype="int32")) == number
        assert value(schedule, np.int32(step)) == number
        assert value(schedule, keras.Variable(step, dtype="int", trainable=False)) == number


def test_no_end_is_missed_by_a_rounding():
    """A plateau is the very number that was asked for, and no cycle reaches beyond its rates."""
    for end in (0.1, 0.07, 0.3):
        low, high = np.float32(end), np.float32(0.7)
        for schedule, last in (
            (CosineAnnealing(0.7, 33, end), 33),
            (REX(0.7, 33, end), 33),
            (WarmupStableDecay(0.7, 3, 3, 27, end), 33),
        ):
            assert value(schedule, last) == value(schedule, 10**6) == low
        assert value(Warmup(end, 33), 33) == value(Warmup(end, 33), 34) == low
        rates = [value(Cyclic(end, 0.7, 5), t) for t in range(20)]
        assert (min(rates), max(rates)) == (low, high)
        assert value(OneCycle(0.7, 30), 8) == high


# ---- configuration


@pytest.mark.parametrize(("schedule", "expected"), CASES)
def test_config_round_trip(schedule, expected):
    config = keras.saving.serialize_keras_object(schedule)
    again = keras.saving.deserialize_keras_object(json.loads(json.dumps(config)))
    assert type(again) is type(schedule)
    assert again.get_config() == schedule.get_config()
    for step in expected:
        assert value(again, step) == value(schedule, step)
    direct = type(schedule).from_config(schedule.get_config())
    assert direct.get_config() == schedule.get_config()
    if not isinstance(schedule, PolynomialDecay):
        assert config["registered_name"] == f"keras_optim>{type(schedule).__name__}"


WRONG = [
    (
        lambda: StepDecay(-1, 10),
        ValueError,
        "StepDecay: `initial_learning_rate` must be a finite number",
    ),
    (lambda: StepDecay(0.1, 0), ValueError, "StepDecay: `decay_steps` must be an integer >="),
    (lambda: StepDecay(0.1, 2.5), TypeError, "Received: decay_steps=2.5"),
    (lambda: StepDecay(0.1, 10, 1.5), ValueError, r"`decay_rate` must be a number in \(0, 1\]"),
    (lambda: StepDecay(0.1), TypeError, "StepDecay: missing a required argument: 'decay_steps'"),
    (lambda: StepDecay(0.1, 10, name="x"), TypeError, "StepDecay: unknown argument `name`"),
    (lambda: OneCycle(0.1, 1), ValueError, "OneCycle: `total_steps` must be an integer >="),
    (lambda: OneCycle(0.1, 10, anneal="cos"), TypeError, "must be 'cosine' or 'linear'"),
    (lambda: Cyclic(0.2, 0.1), ValueError, "Cyclic: `max_learning_rate` must be at least"),
    (lambda: Warmup("fast", 10), TypeError, "must be a finite number.* or a LearningRateSchedule"),
    (lambda: Warmup(math.nan, 10), ValueError, "Warmup: `schedule` must be a finite number"),
    (lambda: Join([0.1], [5]), ValueError, "Join: `boundaries` must be one fewer"),
    (lambda: Join([0.1, 0.2, 0.3], [5, 5]), ValueError, "Join: `boundaries` must rise"),
    (lambda: Join([0.1, -0.2], [5]), ValueError, r"Join: `schedules\[1\]` must be a finite number"),
    (
        lambda: Join([0.1, "x"], [5]),
        TypeError,
        r"`schedules\[1\]` must be a finite number .* Received: schedules\[1\]='x'",
    ),
    (lambda: Join(0.1, [5]), TypeError, "`schedules` must be a list.*Received: schedules=0.1"),
]


@pytest.mark.parametrize(("call", "error", "message"), WRONG, ids=[m for *_, m in WRONG])
def test_wrong_arguments_are_refused_by_name(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_schedule_without_a_rate_says_so():
    class Nothing(schedules.Schedule):
        """No rate."""

    with pytest.raises(NotImplementedError, match="Nothing must define `rate`"):
        Nothing()(0)


# ---- training


def total_of_rates(optimizer, jit_compile, steps):
    """How far a weight whose gradient is always 1 has gone after `steps` steps of `fit`."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    before = model.get_weights()[0]
    model.compile(optimizer, lambda y_true, y: ops.mean(y), jit_compile=jit_compile)
    ones = np.ones((steps, 1), "float32")
    model.fit(ones, ones, batch_size=1, verbose=0)
    return float((before - model.get_weights()[0])[0, 0])


@pytest.mark.parametrize("jit_compile", [False, "auto"])
@pytest.mark.parametrize("name", [n for n in TABLE if "large" not in n])
def test_each_step_of_fit_uses_its_rate(name, jit_compile):
    schedule = TABLE[name][0]
    expected = sum(value(schedule, t) for t in range(9))
    moved = total_of_rates(keras_optim.SGD(schedule), jit_compile, steps=9)
    assert moved == pytest.approx(expected, abs=1e-6)


def test_a_saved_model_keeps_its_schedule(tmp_path):
    schedule = Join([Warmup(0.3, 2), Cyclic(0.1, 0.3, 3, mode="triangular2")], [5])
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras_optim.Lookahead(keras_optim.SGD(schedule)), "mse")
    model.fit(np.ones((4, 1)), np.ones((4, 1)), batch_size=1, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras").optimizer
    assert loaded.get_config() == model.optimizer.get_config()
    rates = [float(ops.convert_to_numpy(o.learning_rate)) for o in (model.optimizer, loaded)]
    assert rates[0] == rates[1] == value(schedule, 4)


def test_keras_optimizers_take_them():
    moved = total_of_rates(keras.optimizers.SGD(Cyclic(0.1, 0.3, 4)), "auto", steps=5)
    assert moved == pytest.approx(0.1 + 0.15 + 0.2 + 0.25 + 0.3, abs=1e-6)


def test_counting_beyond_single_precision():
    """An optimizer whose counter stands above 2**24 still meets every step of the period."""
    optimizer = keras_optim.SGD(Cyclic(0.0, 1.0, step_size_up=2))
    [x] = [keras.Variable([0.0])]
    optimizer.build([x])
    optimizer.iterations.assign(2**24)
    rates = []
    for _ in range(5):
        before = float(ops.convert_to_numpy(x.value)[0])
        optimizer.apply([ops.ones((1,))], [x])
        rates.append(before - float(ops.convert_to_numpy(x.value)[0]))
    assert rates == [0.0, 0.5, 1.0, 0.5, 0.0]
