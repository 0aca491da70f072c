"""The three methods: textbook facts, the valley, restarts, arguments."""

import math

import keras
import numpy as np
import pytest
from keras import ops

import keras_optim
from keras_optim import ConjugateGradient, TruncatedNewton, minimize
from keras_optim.full_batch.conjugate_gradient import conjugate
from keras_optim.full_batch.lbfgs import LBFGS
from keras_optim.full_batch.method import Method, Step, downhill
from keras_optim.full_batch.minimize import METHODS
from tests.full_batch.functions import numbers, quadratic, rosenbrock

FORMULAS = (
    "polak_ribiere",
    "hestenes_stiefel",
    "fletcher_reeves",
    "dai_yuan",
    "hager_zhang",
)
EVERY = [LBFGS(), LBFGS(2), TruncatedNewton(), *map(ConjugateGradient, FORMULAS)]


@pytest.mark.parametrize("method", EVERY, ids=repr)
def test_an_ill_conditioned_quadratic(method, float64):
    loss, x, _, goal = quadratic(condition=1e4)
    result = minimize(
        loss, variables=[x], method=method, max_iterations=2000, gradient_tolerance=1e-6,
        value_tolerance=0,
    )  # fmt: skip
    assert result.reason == "gradient"
    np.testing.assert_allclose(numbers(x), goal, atol=1e-6)


@pytest.mark.parametrize("formula", FORMULAS)
def test_conjugate_gradients_end_after_n_steps_on_a_quadratic(formula, float64):
    """With an exact line search. All five formulas are then the same method.

    (Rounding grows with size and condition: with 5 variables and condition 1e4 it shows in the
    ninth digit, in which processors differ; with 12 not even the linear method is done.)
    """
    for size, condition in ((2, 1e4), (5, 1e3), (12, 20.0)):
        loss, x, _, goal = quadratic(size, condition)
        exact = ConjugateGradient(formula, restart_period=10 * size, curvature=1e-7, decrease=1e-8)
        result = minimize(
            loss, variables=[x], method=exact, max_iterations=size, gradient_tolerance=1e-5,
            value_tolerance=0,
        )  # fmt: skip
        # Only rounding keeps it from being exact, and not a step earlier.
        assert result.value < 1e-12 < 1e-6 < result.history["value"][size - 1]
        np.testing.assert_allclose(numbers(x), goal, atol=1e-6)


def test_conjugate_gradients_are_the_linear_ones_on_a_quadratic(float64):
    """Iterates of the textbook's linear conjugate gradients (Nocedal, Wright, algorithm 5.2)."""
    loss, x, matrix, goal = quadratic(6, condition=50.0)
    path = []
    minimize(
        loss, variables=[x], method=ConjugateGradient(curvature=1e-10, decrease=1e-11),
        max_iterations=5, gradient_tolerance=0, value_tolerance=0,
        callback=lambda state: path.append(numbers(x)),
    )  # fmt: skip
    z, r = np.zeros(6), -matrix @ goal
    d = -r
    for found in path:
        length = (r @ r) / (d @ matrix @ d)
        z, new = z + length * d, r + length * matrix @ d
        d, r = (new @ new) / (r @ r) * d - new, new
        np.testing.assert_allclose(found, z, atol=1e-7)


def test_newton_takes_one_step_on_a_quadratic(float64):
    loss, x, _, goal = quadratic(condition=1e4)
    method = TruncatedNewton(forcing=1e-10, inner_iterations=1000)
    result = minimize(loss, variables=[x], method=method, gradient_tolerance=1e-4)
    assert (result.iterations, result.reason) == (1, "gradient")
    assert result.evaluations == 2 + result.products
    np.testing.assert_allclose(numbers(x), goal, atol=1e-6)


@pytest.mark.parametrize("start", [(-1.2, 1.0), (0.0,) * 10], ids=len)
@pytest.mark.parametrize("method", EVERY, ids=repr)
def test_the_valley_to_ten_digits(method, start, float64):
    loss, x = rosenbrock(start)
    result = minimize(
        loss, variables=[x], method=method, max_iterations=1000, gradient_tolerance=1e-9,
        value_tolerance=0,
    )  # fmt: skip
    assert result.reason == "gradient"
    assert result.value < 1e-10
    np.testing.assert_allclose(numbers(x), 1.0, atol=1e-8)


@pytest.mark.parametrize("method", METHODS)
def test_values_never_rise(method, float64):
    loss, x = rosenbrock()
    result = minimize(loss, variables=[x], method=method)
    values = np.array(result.history["value"])
    assert (np.diff(values) < 0).all() and len(values) == result.iterations + 1


@pytest.mark.parametrize("method", METHODS)
def test_single_precision_reaches_what_single_precision_can(method):
    loss, x, _, goal = quadratic(condition=100.0, dtype="float32")
    result = minimize(
        loss, variables=[x], method=method, gradient_tolerance=1e-5, value_tolerance=0
    )
    assert result.reason == "gradient" and result.evaluations < 200
    np.testing.assert_allclose(numbers(x), goal, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_negative_curvature_is_left_behind(method, float64):
    """It starts near a saddle, at a maximum along one axis; minima at x = ±1."""
    x = keras.Variable(np.array([1e-3, 0.5]), dtype="float64")

    def loss():
        return x[0] ** 4 - 2 * x[0] ** 2 + x[1] ** 2

    result = minimize(loss, variables=[x], method=method, gradient_tolerance=1e-8)
    assert result.value == pytest.approx(-1.0, abs=1e-10)


@pytest.mark.parametrize("method", METHODS)
def test_the_edge_of_the_domain_is_respected(method, float64):
    """Past zero the logarithm is not a number: the search comes back."""
    x = keras.Variable(np.array([50.0, 1e-3]), dtype="float64")
    result = minimize(lambda: ops.sum(x - ops.log(x)), variables=[x], method=method)
    assert result.converged
    np.testing.assert_allclose(numbers(x), 1.0, atol=1e-3)


class Uphill(Method):
    """Yields a direction that does not fall whenever it is (re)started for the n-th time."""

    decrease, curvature = 1e-4, 0.9

    def __init__(self, direction: float = 1.0):
        self.direction = direction
        self.starts = 0

    def steps(self, objective, point):
        self.starts += 1
        while True:
            point = yield downhill(point)
            point = yield Step(self.direction * point.gradient, 1.0)


@pytest.mark.parametrize("direction", [1.0, 0.0, math.nan, math.inf])
def test_a_direction_that_does_not_fall_restarts(direction, float64):
    loss, x, _, goal = quadratic(3, 2.0)
    method = Uphill(direction)
    result = minimize(loss, variables=[x], method=method, gradient_tolerance=1e-8,
                      value_tolerance=0)  # fmt: skip
    assert result.converged and method.starts > 1
    np.testing.assert_allclose(numbers(x), goal, atol=1e-7)


def test_a_kink_ends_in_precision(float64):
    x = keras.Variable(np.array([0.3]), dtype="float64")
    result = minimize(lambda: ops.sum(ops.abs(x)), variables=[x], value_tolerance=0)
    assert (result.reason, result.converged) == ("precision", False)
    assert abs(numbers(x)[0]) < 1e-6


def test_conjugate_formulas():
    """By hand: d = (-1, 0), g = (1, 0), the new gradient (0, 2); and what restarts."""
    d, g, new = np.array([-1.0, 0.0]), np.array([1.0, 0.0]), np.array([0.0, 2.0])
    for formula in FORMULAS:
        assert conjugate(formula, d, g, new).tolist() == [-4.0, -2.0], formula
    for formula in ("polak_ribiere", "hestenes_stiefel"):
        assert conjugate(formula, d, g, 0.5 * g).tolist() == [-0.5, 0.0], formula
    assert not np.isfinite(conjugate("dai_yuan", d, g, g)).all()


def test_methods_know_their_arguments():
    assert repr(LBFGS(5)) == "LBFGS(history_size=5, decrease=0.0001, curvature=0.9)"
    assert repr(TruncatedNewton(curvature=np.float32(0.5))).endswith("curvature=0.5)")
    assert repr(Method()) == "Method()"
    with pytest.raises(NotImplementedError, match="Method must define `steps`"):
        Method().steps(None, None)


WRONG = [
    (LBFGS, {"history_size": 0}, ValueError),
    (LBFGS, {"history_size": 2.5}, TypeError),
    (LBFGS, {"decrease": 0.0}, ValueError),
    (LBFGS, {"curvature": 1.0}, ValueError),
    (LBFGS, {"curvature": math.nan}, ValueError),
    (LBFGS, {"learning_rate": 0.1}, TypeError),
    (ConjugateGradient, {"formula": "fletcher"}, TypeError),
    (ConjugateGradient, {"restart_period": 0}, ValueError),
    (TruncatedNewton, {"forcing": 1.0}, ValueError),
    (TruncatedNewton, {"inner_iterations": None}, TypeError),
]


@pytest.mark.parametrize(("method", "arguments", "error"), WRONG, ids=str)
def test_wrong_arguments_are_refused_by_name(method, arguments, error):
    [name] = arguments
    with pytest.raises(error, match=f"{method.__name__}: .*{name}"):
        method(**arguments)


@pytest.mark.parametrize("method", [LBFGS, ConjugateGradient, TruncatedNewton])
def test_the_constants_of_wolfe_are_in_order(method):
    with pytest.raises(ValueError, match=f"{method.__name__}: `decrease` must be smaller than"):
        method(decrease=0.5, curvature=0.5)


@pytest.mark.parametrize("method", EVERY[2:4] + EVERY[:1], ids=repr)
def test_given_to_compile_it_says_what_to_do(method):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    name = type(method).__name__
    expected = rf"{name}\(.*does not go into `compile`: call keras_optim.minimize.*method={name}"
    with pytest.raises(ValueError, match=expected):
        model.compile(method, "mse")
    with pytest.raises(TypeError, match=rf"`inner` must be .*{name}\("):
        keras_optim.Lookahead(method)
