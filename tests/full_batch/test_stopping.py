"""When a run ends, why it says so, and what it leaves behind."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_optim import minimize
from keras_optim.full_batch.minimize import METHODS
from keras_optim.full_batch.objective import Objective
from tests.conftest import BACKEND
from tests.full_batch.functions import numbers, rosenbrock


class Bang(Exception):
    """Raised by a loss."""


@pytest.mark.parametrize("error", [Bang, KeyboardInterrupt])
def test_an_exception_leaves_the_best_point(error, monkeypatch, float64):
    loss, x = rosenbrock()
    at, points = Objective.at, []

    def failing(self, place):
        if len(points) == 20:
            self.assign(place)
            raise error
        points.append(at(self, place))
        return points[-1]

    monkeypatch.setattr(Objective, "at", failing)
    values = []
    with pytest.raises(error):
        minimize(loss, variables=[x], callback=lambda state: values.append(state.value))
    best = min(points, key=lambda point: point.value)
    assert best.value == values[-1]
    np.testing.assert_array_equal(numbers(x), best.x)


def test_an_exception_at_the_start_leaves_the_variables():
    x = keras.Variable([3.0])

    def loss():
        raise Bang

    with pytest.raises(Bang):
        minimize(loss, variables=[x])
    assert numbers(x).tolist() == [3.0]


@pytest.mark.parametrize("limit", [1, 2, 7, 20])
@pytest.mark.parametrize("method", METHODS)
def test_the_result_describes_the_point(method, limit, float64):
    loss, x = rosenbrock()
    states = []
    result = minimize(
        loss, variables=[x], method=method, max_evaluations=limit,
        callback=lambda state: states.append((state, numbers(x))),
    )  # fmt: skip
    assert float(ops.convert_to_numpy(loss())) == pytest.approx(result.value, rel=1e-12)
    assert result.iterations == len(states) == len(result.history["value"]) - 1
    if states:
        state, place = states[-1]
        assert (state.value, state.iteration) == (result.value, result.iterations)
        np.testing.assert_array_equal(place, numbers(x))


def test_variables_of_several_shapes_and_dtypes(float64):
    a = keras.Variable(np.ones((2, 3), "float32"), dtype="float32")
    b = keras.Variable(np.array(2.0), dtype="float64")
    c = keras.Variable(np.zeros((0, 3)), dtype="float64")

    def loss():
        return ops.sum((ops.cast(a, "float64") - 3) ** 2) + (b + 1) ** 2 + ops.sum(c)

    result = minimize(loss, variables=[a, b, c], gradient_tolerance=1e-6)
    assert result.reason == "gradient"
    np.testing.assert_allclose(numbers(a), 3.0, atol=1e-6)
    assert numbers(a).shape == (2, 3) and numbers(b).shape == () and numbers(c).shape == (0, 3)


def run(**options):
    loss, x = rosenbrock(dtype="float64")
    return minimize(loss, variables=[x], **{"value_tolerance": 0, **options})


def test_gradient_tolerance(float64):
    loose, tight = run(gradient_tolerance=1.0), run(gradient_tolerance=1e-6)
    assert loose.reason == tight.reason == "gradient" and loose.converged
    assert 1e-6 < loose.gradient_norm <= 1.0 and tight.gradient_norm <= 1e-6
    assert (np.array(loose.history["gradient_norm"][:-1]) > 1.0).all()


def test_it_may_be_done_before_it_began(float64):
    loss, x = rosenbrock((1.0, 1.0))
    result = minimize(loss, variables=[x])
    assert (result.iterations, result.evaluations, result.reason) == (0, 1, "gradient")


def test_value_tolerance(float64):
    result = run(gradient_tolerance=0, value_tolerance=0.01)
    before, after = result.history["value"][-2:]
    assert result.reason == "value" and result.converged
    assert 0 <= before - after <= 0.01 * before
    changes = -np.diff(result.history["value"][:-1]) / result.history["value"][:-2]
    assert (changes > 0.01).all()


def test_max_iterations(float64):
    result = run(max_iterations=3)
    assert (result.iterations, result.reason, result.converged) == (3, "max_iterations", False)


@pytest.mark.parametrize("limit", [1, 5, 30])
@pytest.mark.parametrize("method", METHODS)
def test_max_evaluations_is_exact(method, limit, float64):
    result = run(method=method, max_evaluations=limit)
    assert (result.evaluations, result.reason) == (limit, "max_evaluations")
    assert not result.converged
    assert (result.products > 0) == (method == "truncated_newton" and limit > 1)


def test_a_callback_sees_and_stops(float64):
    states = []

    def callback(state):
        states.append(state)
        return state.value < 3.0

    result = run(callback=callback)
    assert (result.reason, result.converged) == ("callback", False)
    assert [s.iteration for s in states] == list(range(1, result.iterations + 1))
    assert [s.value for s in states] == result.history["value"][1:]
    assert [s.gradient_norm for s in states] == result.history["gradient_norm"][1:]
    assert [s.evaluations for s in states] == result.history["evaluations"][1:]
    assert states[-1].value < 3.0 <= states[-2].value


def test_progress_is_one_line(capsys, float64):
    run(max_iterations=4, verbose=1)
    lines = capsys.readouterr().out.rstrip().split("\n")
    assert len(lines) == 1
    assert "4/4" in lines[0] and "loss" in lines[0] and "gradient_norm" in lines[0]
    run(max_iterations=400, verbose=1, gradient_tolerance=1.0)
    assert capsys.readouterr().out.endswith("\n")
    run(max_iterations=4)
    assert capsys.readouterr().out == ""


@pytest.mark.skipif(BACKEND == "torch", reason="PyTorch runs the loss as it is")
def test_a_function_is_traced_once(float64):
    calls = []
    x = keras.Variable(np.array([3.0]), dtype="float64")

    def loss():
        calls.append(1)
        return ops.sum((x - 1) ** 4)

    assert minimize(loss, variables=[x]).evaluations > 5
    assert len(calls) <= 2
