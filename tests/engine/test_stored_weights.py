"""State that refers to the weights refers to those that are stored: constrained, and rounded."""

import importlib

import keras
import numpy as np
import pytest

import keras_optim
from keras_optim.state import evaluation_weights
from tests.conftest import BACKEND
from tests.support.catalog_cases import EVERY, NAMES, make, rule_of
from tests.support.loops import repeat
from tests.support.passes import apply
from tests.support.trajectories import (
    RATES,
    difference,
    gradients,
    joined,
    numbers,
    split,
    starts,
    tensor,
    variables,
)

STEPS, VALUES = gradients(steps=16), starts()


class Within(keras.constraints.Constraint):
    """Each weight between -0.5 and 0.25: written with operators, so NumPy can do it as well."""

    def __call__(self, w):
        w = keras.ops.convert_to_tensor(w) + 0.0  # on TensorFlow the former is the variable
        above = keras.ops.where(w < -0.5, keras.ops.full_like(w, -0.5), w)
        return keras.ops.where(above > 0.25, keras.ops.full_like(w, 0.25), above)

    @staticmethod
    def array(x):
        return np.minimum(np.maximum(x, -0.5), 0.25)


class OnSphere(keras.constraints.Constraint):
    """Norm 1: what is stored is always another value than what was computed."""

    def __call__(self, w):
        return w / keras.ops.sqrt(keras.ops.sum(w * w))

    @staticmethod
    def array(x):
        return x / np.sqrt(np.sum(x * x))


def constrained(constraint, dtype="float64"):
    xs = variables(VALUES, dtype)
    for x in xs:
        x.constraint = constraint
    return xs


def walk(optimizer, xs, dtype="float64", each=lambda: None):
    path = []
    for gs, rate in zip(STEPS, RATES, strict=False):
        optimizer.learning_rate = rate
        apply(optimizer, [tensor(g, dtype) for g in gs], xs)
        path.append(numbers(xs))
        each()
    return path


# Only these keep something that refers to the weights; on PyTorch it is proved of the others.
REFERRING = ["accsgd", "cocob", "dadaptsgd", "dog", "dowg", "ftrl", "ldog", "madgrad", "prodigy"]


PROJECTED = [name for name in NAMES if not rule_of(name).constrains]


@pytest.mark.parametrize("name", PROJECTED if BACKEND == "torch" else REFERRING)
def test_every_paper_with_its_weights_projected_after_each_step(name, float64):
    """The NumPy reference goes on from what it yielded, which is projected in place."""
    module = importlib.import_module(f"tests.references.{name}")
    case = module.CASES[0]

    def projected(start, steps):
        for x in getattr(module, name)(start, steps, RATES, **case):
            x = np.asarray(x)
            x[...] = Within.array(x)
            yield x.copy()

    if getattr(module, "WHOLE", False):
        expected = projected(joined(VALUES), [joined(gs) for gs in STEPS])
        expected = [split(x, VALUES) for x in expected]
    else:
        each = [projected(x, [gs[i] for gs in STEPS]) for i, x in enumerate(VALUES)]
        expected = list(zip(*each, strict=True))
    path = walk(keras_optim.get(name, **case), constrained(Within()))
    # A NumPy scalar cannot be changed in place, so the 0-d variable is left out.
    assert difference([p[1:] for p in path], [p[1:] for p in expected]) < 1e-10


@pytest.mark.parametrize("constraint", [Within(), OnSphere()], ids=["within", "sphere"])
def test_averages_are_those_of_the_stored_weights(constraint, float64):
    for kind, case in (("ema", {"decay": 0.8, "warmup": False}), ("swa", {"start_step": 3})):
        optimizer = keras_optim.get(kind, inner=keras_optim.SGD(momentum=0.5), **case)
        xs, averages = constrained(constraint), []

        def look(optimizer=optimizer, xs=xs, averages=averages):
            evaluation_weights.swap_in(optimizer)
            averages.append(numbers(xs))
            evaluation_weights.swap_out(optimizer)

        path, average = walk(optimizer, xs, each=look), VALUES
        for t, values in enumerate(path, start=1):
            if kind == "ema":
                average = [0.8 * a + 0.2 * x for a, x in zip(average, values)]
            else:
                average = [np.mean(v, axis=0) for v in zip(*path[min(2, t - 1) : t])]
            assert difference([averages[t - 1]], [average]) < 1e-10, (kind, t)


@pytest.mark.parametrize("constraint", [Within(), OnSphere()], ids=["within", "sphere"])
def test_lookahead_of_stored_weights(constraint, float64):
    """Fast weights are projected before the slow ones follow, and these when they are stored."""
    path = walk(keras_optim.Lookahead(keras_optim.SGD(), sync_period=3), constrained(constraint))
    slow = x = VALUES
    for t, (gs, rate) in enumerate(zip(STEPS, RATES, strict=False), start=1):
        x = [constraint.array(v - rate * g) for v, g in zip(x, gs, strict=True)]
        if t % 3 == 0:
            x = slow = [constraint.array(s + 0.5 * (v - s)) for s, v in zip(slow, x, strict=True)]
        assert difference([path[t - 1]], [x]) < 1e-10, t


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("name", ["ema", "swa", "lookahead"])
def test_many_compiled_steps_below_the_resolution_of_a_weight_move_nothing(name, dtype):
    """Compiled: XLA may leave out what is lost by rounding."""
    inner = keras_optim.SGD(1e-5)
    optimizer = keras_optim.get(name, inner=inner, **({"start_step": 1} if name == "swa" else {}))
    [x] = xs = variables([np.ones(4)], dtype)
    repeat(optimizer, xs, lambda t, xs: [keras.ops.full((4,), 1.0, dtype=dtype)], 60)
    evaluation_weights.swap_in(optimizer)
    np.testing.assert_array_equal(numbers([x])[0], 1.0)
    evaluation_weights.swap_out(optimizer)
    np.testing.assert_array_equal(numbers([x])[0], 1.0)
    slot = {"lookahead": "drift"}.get(name, "lag")
    np.testing.assert_array_equal(np.array(optimizer.state.slots[0][slot].numpy()), 0.0)


def test_compiled_steps_under_a_constraint():
    optimizer = keras_optim.EMA(keras_optim.SGD(0.1), decay=0.5, warmup=False)
    [x] = xs = variables([np.zeros(3)])
    x.constraint = keras.constraints.NonNeg()
    repeat(optimizer, xs, lambda t, xs: [keras.ops.convert_to_tensor([1.0, -1.0, 0.0])], 3)
    np.testing.assert_allclose(numbers(xs)[0], [0.0, 0.3, 0.0], atol=1e-6)
    evaluation_weights.swap_in(optimizer)  # 0.5 * 0.3 + 0.25 * 0.2 + 0.125 * 0.1
    np.testing.assert_allclose(numbers(xs)[0], [0.0, 0.2125, 0.0], atol=1e-6)


@pytest.mark.parametrize("name", ["ema", "swa"])
def test_a_weight_set_by_hand_takes_its_average_along(name):
    """The average keeps its distance from the weight, wherever that is set."""
    case = {"decay": 0.5, "warmup": False} if name == "ema" else {"start_step": 1}
    optimizer = keras_optim.get(name, inner=keras_optim.SGD(1.0), **case)
    [x] = xs = variables([np.array([4.0])])
    for _ in range(2):
        optimizer.apply([tensor([1.0])], xs)  # 4, 3, 2
    average = {"ema": 2.75, "swa": 2.5}[name]
    x.assign(np.array([12.0], "float32"))
    evaluation_weights.swap_in(optimizer)
    assert numbers(xs)[0] == pytest.approx(average + 10.0)


# ---- not a number


@pytest.mark.parametrize("name", [n for n in EVERY if n != "skipnonfinite(adam)"])
def test_a_gradient_that_is_not_a_number_is_seen_in_the_weight(name, monkeypatch):
    """And it stays there: no rule goes on as if nothing had been."""
    for setting in ("auto", "eager") if BACKEND == "torch" else ("auto",):
        monkeypatch.setenv("KERAS_OPTIM_TORCH", setting)
        optimizer, xs = make(name, learning_rate=0.1), variables([np.ones((3, 2))])
        for bad in (0.5, np.nan, 0.5, 0.5):
            g = np.full((3, 2), 0.5)
            g[1, 1] = bad
            apply(optimizer, [tensor(g)], xs)
        assert np.isnan(numbers(xs)[0][1, 1]), setting


class Travelling(keras_optim.Optimizer):
    """Plain descent that keeps where its last step from the decayed weights ended."""

    slots = ("end",)

    def update(self, g, x, s, t, lr):
        change = -lr * g
        return change, {"end": x + self.moved(change, x, s)}


def test_what_is_stored_after_a_decay_is_known_to_the_last_bit():
    """Single precision rounds `(x + a) + b` and `x + (a + b)` to different sides of a tie."""
    random = np.random.default_rng(0)
    optimizer = Travelling(0.01, weight_decay=0.3)
    xs = variables([random.normal(size=200_000)], "bfloat16")
    for _ in range(10):
        optimizer.apply([tensor(random.normal(size=200_000), "bfloat16")], xs)
        [x], [end] = numbers(xs), numbers([optimizer.state.slots[0]["end"]])
        np.testing.assert_allclose(end, np.asarray(x, "float64"), rtol=1e-5, atol=1e-7)
