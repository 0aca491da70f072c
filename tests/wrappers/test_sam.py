"""SAM and ASAM against their papers, and the second pass through everything that Keras offers."""

import importlib

import keras
import numpy as np
import pytest
from keras import ops

import keras_optim
from tests.conftest import BACKEND
from tests.support.catalog_cases import make
from tests.support.passes import curved
from tests.support.trajectories import (
    RATES,
    difference,
    gradients,
    numbers,
    run,
    starts,
    tensor,
    variables,
)

SHAPES = ((), (3,), (2, 3))
VALUES, STEPS = starts(), gradients(steps=6)
X = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
Y = X[:, :1] * 0.5 - X[:, 1:2] + 0.3
KINDS = {
    "sam": {"rho": 0.3},
    "asam": {"rho": 0.6, "eta": 0.05},
    "gsam": {"rho": 0.3, "alpha": 0.4},
    "gsam, radius by the rate": {
        "rho": 0.4,
        "alpha": 0.2,
        "rho_min": 0.1,
        "max_learning_rate": 0.015,
        "min_learning_rate": 0.005,
    },
    "looksam": {"rho": 0.3, "alpha": 0.7, "refresh_period": 3},
}


def slope(xs):
    """The gradient of Σ (x²/2 + x⁴/4) + (Σ x)²/2, in which each weight depends on all others."""
    total = sum(np.sum(x) for x in xs)
    return [x + x**3 + total for x in xs]


def stepped(optimizer, xs, dtype="float32", steps=1):
    """The path down the loss whose gradient is `slope`."""
    xs = variables(xs, dtype) if isinstance(xs[0], np.ndarray) else xs

    def gradients():
        return [tensor(g, dtype) for g in slope(numbers(xs))]

    path = []
    for i in range(steps):
        optimizer.learning_rate = RATES[i] / 10
        optimizer.apply(gradients(), xs, second=gradients)
        path.append(numbers(xs))
    return path


# ---- the rule


@pytest.mark.parametrize("name", KINDS)
def test_steps_are_those_of_the_paper(name, float64):
    arguments, name = KINDS[name], name.partition(",")[0]
    reference = getattr(importlib.import_module(f"tests.references.{name}"), name)
    optimizer = keras_optim.get(name, inner=keras_optim.SGD(momentum=0.7), **arguments)
    path = stepped(optimizer, starts(SHAPES), "float64", steps=30)
    rates = [rate / 10 for rate in RATES[:30]]
    expected = list(reference(starts(SHAPES), slope, rates, momentum=0.7, **arguments))
    assert difference(path, expected) < 1e-10
    plain = stepped(keras_optim.SGD(momentum=0.7), starts(SHAPES), "float64", steps=30)
    assert difference(path, plain) > 1e-3


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("inner", ["sgd", "adam", "lamb", "adafactor", "skipnonfinite(adam)"])
def test_without_a_radius_it_is_the_inner_one_to_the_bit(name, inner):
    def path(**radius):
        optimizer = keras_optim.get(kind, inner=make(inner, learning_rate=0.1), **radius)
        return run(optimizer, VALUES, STEPS, second=curved)

    kind, alpha = name.partition(",")[0], {"alpha": 0.0} if "alpha" in KINDS[name] else {}
    expected = run(make(inner, learning_rate=0.1), VALUES, STEPS)
    assert difference(path(rho=0.0, **alpha), expected) == 0.0
    assert difference(path(), expected) > 5e-5


def test_sizes_that_balance_each_other_are_the_same_to_asam():
    """One layer doubled, the next one halved: the offset follows, as the paper proves."""

    def probed(factor):
        xs = variables([np.array([[2.0 * factor]]), np.array([[0.5 / factor]])])
        seen = []

        def gradients():
            a, b = numbers(xs)
            seen.append((a * b).item())
            return [tensor(b), tensor(a)]

        optimizer = keras_optim.ASAM(keras_optim.SGD(0.0), rho=0.1, eta=0.0)
        optimizer.apply(gradients(), xs, second=gradients)
        return seen[1]

    assert probed(1.0) == pytest.approx(probed(4.0), rel=1e-6)
    assert probed(1.0) > 1.05


@pytest.mark.parametrize(("rho", "least", "most"), [(0.0, 8.5, 9.0), (0.3, 2.0, 2.5)])
def test_of_the_minima_it_prefers_a_flat_one(rho, least, most):
    """Where (uv - 1)²/2 is 0, its curvature is u² + v²: 2 at (1, 1), the least. The flow of the
    gradient keeps u² - v², so it ends at the root of 8.75² + 4, which is 8.98.
    """
    [x] = xs = variables([np.array([3.0, 0.5])])
    optimizer = keras_optim.SAM(keras_optim.SGD(0.05), rho=rho)

    def gradients():
        u, v = numbers(xs)[0]
        return [tensor((u * v - 1) * np.array([v, u]))]

    for _ in range(400):
        optimizer.apply(gradients(), xs, second=gradients)
    u, v = x.numpy()
    assert abs(u * v - 1) < 0.05
    assert least < u**2 + v**2 < most


# ---- the second pass in a loop of one's own


def test_the_weights_are_as_before_while_and_after_the_second_pass():
    xs = variables(VALUES)
    optimizer = keras_optim.SAM(keras_optim.SGD(0.0), rho=0.5)
    seen = []

    def second():
        seen.append(numbers(xs))
        return [tensor(g) for g in STEPS[0]]

    optimizer.apply([tensor(g) for g in STEPS[0]], xs, second=second)
    length = np.sqrt(sum(np.sum((a - b) ** 2) for a, b in zip(seen[0], VALUES, strict=True)))
    assert length == pytest.approx(0.5, rel=1e-5)
    assert difference([numbers(xs)], [VALUES]) == 0.0


def test_the_weights_come_back_if_the_second_pass_fails():
    def second():
        raise ZeroDivisionError

    xs = variables(VALUES)
    optimizer = keras_optim.SAM(keras_optim.SGD(0.1))
    with pytest.raises(ZeroDivisionError):
        optimizer.apply([tensor(g) for g in STEPS[0]], xs, second=second)
    assert difference([numbers(xs)], [VALUES]) == 0.0


def test_other_optimizers_ask_for_no_second_gradient():
    xs = variables(VALUES)
    keras_optim.SGD(0.1).apply([tensor(g) for g in STEPS[0]], xs, second=lambda: 1 / 0)
    assert difference([numbers(xs)], [VALUES]) > 0.0


@pytest.mark.skipif(BACKEND != "jax", reason="elsewhere a loop changes variables")
def test_a_stateless_loop():
    import jax

    optimizer = keras_optim.SAM(keras_optim.SGD(0.02), rho=0.3)
    xs = variables(starts(SHAPES))
    optimizer.build(xs)

    def loss(values):
        squares = sum(ops.sum(x**2 / 2 + x**4 / 4) for x in values)
        return squares + sum(ops.sum(x) for x in values) ** 2 / 2

    @jax.jit
    def step(values, state):
        return optimizer.stateless_apply(
            state, jax.grad(loss)(values), values, second=jax.grad(loss)
        )

    values, state = [x.value for x in xs], [v.value for v in optimizer.variables]
    for _ in range(5):
        values, state = step(values, state)
    reference = importlib.import_module("tests.references.sam").sam
    *_, expected = reference(starts(SHAPES), slope, [0.02] * 5, rho=0.3)
    assert difference([[np.asarray(v) for v in values]], [expected]) < 1e-5


@pytest.mark.parametrize("rho", [0.0, 0.5])
def test_two_passes_of_a_layer_draw_alike_and_count_once(rho):
    layers = [keras.layers.Dropout(0.5, seed=0), keras.layers.BatchNormalization()]
    network = keras.Sequential([keras.Input((4,)), *layers])

    def forward():
        return [network(X, training=True)]

    first, second = keras_optim.two_passes(network, forward)
    once = [v.numpy().copy() for v in network.variables]
    np.testing.assert_array_equal(*(ops.convert_to_numpy(y[0]) for y in (first, second())))
    for before, after in zip(once, network.variables, strict=True):
        np.testing.assert_array_equal(before, after.numpy())
    assert np.any(ops.convert_to_numpy(forward()[0]) != ops.convert_to_numpy(first[0]))


# ---- what is refused


def test_a_step_without_a_second_gradient_says_what_to_write():
    optimizer = keras_optim.EMA(keras_optim.SAM(keras_optim.SGD(0.1)))
    with pytest.raises(
        ValueError, match=r"EMA: each step needs a second.*two_pass\(model\).*apply"
    ):
        optimizer.apply([tensor(g) for g in STEPS[0]], variables(VALUES))


def test_both_passes_must_reach_the_same_variables():
    xs = variables(VALUES[:2])
    optimizer = keras_optim.SAM(keras_optim.SGD(0.1))
    gs = [tensor(g) for g in STEPS[0][:2]]
    with pytest.raises(ValueError, match="SAM: the second pass has no gradient of x1"):
        optimizer.apply(gs, xs, second=lambda: [gs[0], None])
    assert difference([numbers(xs)], [VALUES[:2]]) == 0.0
    with pytest.raises(ValueError, match="one gradient per variable. Received: 1 gradients, 2"):
        optimizer.apply(gs, xs, second=lambda: gs[:1])


def test_one_second_pass_is_enough():
    with pytest.raises(ValueError, match="ASAM: `inner` must not need a second pass itself"):
        keras_optim.ASAM(keras_optim.EMA(keras_optim.SAM(keras_optim.SGD())))


# ---- around and inside of other wrappers


def test_wrappers_pass_it_through():
    """An average outside changes no weight; what changes gradients changes both of them."""
    plain = stepped(keras_optim.SAM(keras_optim.SGD(), rho=0.3), VALUES, steps=5)
    for optimizer in (
        keras_optim.EMA(keras_optim.SAM(keras_optim.SGD(), rho=0.3)),
        keras_optim.SAM(keras_optim.EMA(keras_optim.SGD()), rho=0.3),
        keras_optim.Lookahead(keras_optim.SAM(keras_optim.SGD(), rho=0.3), sync_period=99),
        keras_optim.SkipNonFinite(keras_optim.SAM(keras_optim.SGD(), rho=0.3)),
        keras_optim.SAM(keras_optim.SkipNonFinite(keras_optim.SGD()), rho=0.3),
    ):
        assert difference(stepped(optimizer, VALUES, steps=5), plain) < 1e-6


def test_a_wrapper_of_gradients_changes_the_first_one_too():
    """Centred, the first gradient is zero, so there is no offset: the second is zero, too."""
    seen = []
    xs = variables([np.ones((3, 2))])

    def gradients():
        seen.append(numbers(xs))
        return [tensor(np.full((3, 2), 4.0))]

    optimizer = keras_optim.Centralization(keras_optim.SAM(keras_optim.SGD(0.1), rho=0.5))
    optimizer.apply(gradients(), xs, second=gradients)
    assert difference(seen[:1], seen[1:]) == 0.0
    inside = keras_optim.SAM(keras_optim.Centralization(keras_optim.SGD(0.1)), rho=0.5)
    inside.apply(gradients(), xs, second=gradients)
    assert difference(seen[2:3], seen[3:]) > 0.1


def test_it_goes_around_a_route():
    """Each variable has its rule; the offset follows from the gradients of all."""
    route = keras_optim.Route({"x0": keras_optim.SGD(0.02), ".": keras_optim.SGD(0.01)})
    xs = variables(starts(SHAPES))
    optimizer = keras_optim.SAM(route, rho=0.3)

    def gradients():
        return [tensor(g) for g in slope(numbers(xs))]

    optimizer.apply(gradients(), xs, second=gradients)
    reference = importlib.import_module("tests.references.sam").sam
    ends = [next(reference(starts(SHAPES), slope, [rate], rho=0.3)) for rate in (0.02, 0.01)]
    assert difference([numbers(xs)], [[ends[0][0], *ends[1][1:]]]) < 1e-6
    with pytest.raises(ValueError, match=r"Write `SAM\(Route\(\.\.\.\)\)`"):
        keras_optim.Route({".": keras_optim.SAM(keras_optim.SGD())})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rho_min": 0.01}, "`rho_min` and `max_learning_rate` belong together"),
        ({"max_learning_rate": 0.1}, "`rho_min` and `max_learning_rate` belong together"),
        ({"rho_min": 0.01, "max_learning_rate": 0.1, "min_learning_rate": 0.1}, "must be above"),
        ({"rho": 0.01, "rho_min": 0.02, "max_learning_rate": 0.1}, "`rho_min` must be at most"),
    ],
)
def test_radii_that_cannot_follow_the_rate_are_refused(arguments, message):
    with pytest.raises(ValueError, match=f"GSAM: {message}|GSAM: `max_learning_rate` {message}"):
        keras_optim.GSAM(keras_optim.SGD(), **arguments)


def test_a_radius_cannot_follow_a_callable():
    """It would be NaN, because the callable is asked after the second gradient."""
    optimizer = keras_optim.GSAM(keras_optim.SGD(lambda: 0.1), rho_min=0.01, max_learning_rate=0.1)
    with pytest.raises(ValueError, match="must be a number or a schedule"):
        optimizer.build([keras.Variable([1.0])])
    keras_optim.GSAM(keras_optim.SGD(lambda: 0.1)).build([keras.Variable([1.0])])
