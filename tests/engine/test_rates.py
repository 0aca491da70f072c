"""Rates that are asked for: once a step, whatever holds the answer, which is only read."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_optim
from keras_optim.state import evaluation_weights
from tests.conftest import BACKEND
from tests.support.trajectories import variables

SETTINGS = ["auto", "eager"] if BACKEND == "torch" else ["auto"]
RATES = [0, 1, 0.5, 0.25, 2]
KINDS = {
    "numbers": lambda r: r,
    "NumPy numbers": np.float64,
    "0-d arrays": np.array,
    "tensors": ops.convert_to_tensor,
    "tensors of another dtype": lambda r: ops.convert_to_tensor(r, "float16"),
    "variables": lambda r: keras.Variable(float(r)),
}


@pytest.fixture(autouse=True, params=SETTINGS)
def setting(request, monkeypatch):
    """On PyTorch natively, and operation by operation."""
    monkeypatch.setenv("KERAS_OPTIM_TORCH", request.param)


def value(x):
    return float(ops.convert_to_numpy(x.value if isinstance(x, keras.Variable) else x))


def steps_of(rates, count=5, **options):
    """Where a weight is after each step at a gradient of 1."""
    optimizer, [x] = keras_optim.SGD(rates, **options), variables([np.zeros(1)])
    path = []
    for _ in range(count):
        optimizer.apply([ops.ones((1,))], [x])
        path.append(value(x[0]))
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_a_callable_is_asked_once_a_step_and_its_answer_is_only_read(kind):
    answers = [KINDS[kind](r) for r in RATES]
    waiting = iter(answers)
    np.testing.assert_allclose(steps_of(lambda: next(waiting)), -np.cumsum(RATES), atol=1e-6)
    assert [value(a) for a in answers] == RATES
    with pytest.raises(StopIteration):
        next(waiting)


def test_a_step_that_only_accumulates_asks_for_no_rate():
    waiting = iter([1.0, 0.5])
    path = steps_of(lambda: next(waiting), 4, gradient_accumulation_steps=2)
    assert path == [0.0, -1.0, -1.0, -1.5]


@pytest.mark.parametrize("around", [lambda r: r, keras_optim.SAM, keras_optim.EMA])
def test_a_callable_of_a_rule_is_asked_once_a_step(around):
    """Also if a second pass, an evaluation or a file looks at the state in between."""
    waiting = iter([1.0, 0.5, 0.25])
    inside = keras_optim.SGD(lambda: next(waiting))
    optimizer, [x] = around(keras_optim.Route({".": inside})), variables([np.zeros(1)])
    for total in (-1.0, -1.5, -1.75):
        optimizer.apply([ops.ones((1,))], [x], second=lambda: [ops.ones((1,))])
        assert value(x[0]) == total
        evaluation_weights.swap_in(optimizer)
        evaluation_weights.swap_out(optimizer)
        optimizer.save_own_variables({})


class WholeNumbers(keras.optimizers.schedules.LearningRateSchedule):
    """0, 0, then 1: never a number with a point."""

    def __call__(self, step):
        return ops.cast(step > 1, "int32")

    def get_config(self):
        return {}


def test_a_schedule_of_whole_numbers():
    assert steps_of(WholeNumbers(), 4) == [0.0, 0.0, -1.0, -2.0]


def test_a_rate_that_is_set_to_a_tensor_or_a_variable_is_copied():
    optimizer, [x] = keras_optim.SGD(0.1), variables([np.zeros(1)])
    for given in (ops.convert_to_tensor(0.5), keras.Variable(0.5)):
        for rate in (given, 0.25):
            optimizer.learning_rate = rate
            optimizer.apply([ops.ones((1,))], [x])
        assert value(given) == 0.5
        if isinstance(given, keras.Variable):
            given.assign(9.0)
    assert value(optimizer.learning_rate) == 0.25 and value(x[0]) == -1.5
