"""A rate for each layer: by pattern, from a model, frozen, saved and loaded."""

import keras
import numpy as np
import pytest

import keras_optim
from tests.conftest import BACKEND
from tests.support.trajectories import (
    difference,
    gradients,
    numbers,
    run,
    starts,
    tensor,
    variables,
)

STEPS, VALUES = gradients(steps=6), starts()
NAMES = ("sgd", "adam", "nadam", "adamw")


def model_of(names, **options):
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(3, "tanh", name=name) for name in names]
    return keras.Sequential([keras.Input((3,)), *layers], **options)


def data():
    x = np.random.default_rng(0).normal(size=(16, 3)).astype("float32")
    return x, x[:, ::-1].copy()


@pytest.mark.parametrize("name", NAMES)
def test_each_variable_moves_as_with_its_own_rate(name, float64):
    """The first pattern that is found counts; what none matches keeps the rate."""
    multipliers = {"x1": 0.25, "x[12]": 3.0}
    inner = keras_optim.get(name, learning_rate=0.02, weight_decay=0.1)
    path = run(keras_optim.RateMultipliers(inner, multipliers), VALUES, STEPS, dtype="float64")
    for i, factor in enumerate((1.0, 0.25, 3.0, 1.0)):
        alone = keras_optim.get(name, learning_rate=0.02 * factor, weight_decay=0.1)
        expected = run(alone, [VALUES[i]], [[gs[i]] for gs in STEPS], dtype="float64")
        assert difference([[step[i]] for step in path], expected) < 1e-9  # the rate is float32


@pytest.mark.parametrize("name", NAMES)
def test_zero_freezes_weights_and_state(name):
    inner = keras_optim.get(name, learning_rate=0.1, weight_decay=0.5)
    optimizer = keras_optim.RateMultipliers(inner, {"x[02]": 0.0})
    xs = variables(VALUES)
    for gs in STEPS:
        optimizer.apply([tensor(g * np.inf if i == 2 else g) for i, g in enumerate(gs)], xs)
    for i, (x, value) in enumerate(zip(numbers(xs), VALUES, strict=True)):
        assert np.array_equal(x, value) == (i in (0, 2))
        assert np.all(np.isfinite(x))
        if i in (0, 2):
            for slot in optimizer.state.slots[i].values():
                assert not numbers([slot])[0].any()


class Total(keras_optim.Optimizer):
    """Steps as long as the sum of rate times gradient over all variables."""

    shared = {"total": 0.0}

    def measure(self, g, x, s, t, lr):
        return {"total": lr * keras.ops.sum(g)}, {}

    def pool(self, sums, s, t, lr):
        return sums, {}

    def update(self, g, x, s, t, lr):
        return -s["total"] * keras.ops.ones_like(x), {}


def test_what_is_summed_over_all_variables_sees_their_rates():
    optimizer = keras_optim.RateMultipliers(Total(0.1), {"x0": 0.0, "x1": 2.0})
    [path] = run(optimizer, VALUES, STEPS[:1])
    sums = [g.sum() for g in STEPS[0]]
    total = 0.1 * (2.0 * sums[1] + sums[2] + sums[3])
    expected = [VALUES[0], *(v - total for v in VALUES[1:])]
    assert difference([path], [expected]) < 1e-5


@pytest.mark.parametrize("jit_compile", [False, "auto"])
def test_in_fit_and_after_loading(jit_compile, tmp_path):
    x, y = data()
    model = model_of(["body", "neck", "head"])
    inner = keras_optim.Adam(0.01, weight_decay=0.1)
    inner.exclude_from_weight_decay(var_names=["bias"])
    # The order of the patterns decides; sorted by name it would be another.
    optimizer = keras_optim.RateMultipliers(inner, {"neck/bias": 0.0, "body": 0.0, "e": 2.0})
    model.compile(optimizer, "mse", jit_compile=jit_compile)
    before = model.get_weights()
    model.fit(x, y, batch_size=8, verbose=0)
    same = [np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert same == [True, True, False, True, False, False]

    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert list(loaded.optimizer.multipliers.items()) == list(optimizer.multipliers.items())
    assert loaded.optimizer.state.constants == optimizer.state.constants
    assert [c["inner"]["decayed"] for c in optimizer.state.constants] == [True, False] * 3
    for m in (model, loaded):
        m.fit(x, y, batch_size=8, shuffle=False, verbose=0)
    for a, b in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_weight_decay_may_change_after_the_build():
    optimizer = keras_optim.RateMultipliers(keras_optim.SGD(0.1, weight_decay=0.5), {"x1": 2.0})
    xs = variables([np.ones(1), np.ones(1)])
    zeros = [tensor([0.0]), tensor([0.0])]
    optimizer.apply(zeros, xs)
    assert difference([numbers(xs)], [[0.95, 0.9]]) < 1e-6
    optimizer.weight_decay = None
    optimizer.apply(zeros, xs)
    assert difference([numbers(xs)], [[0.95, 0.9]]) < 1e-6


def test_exclusions_of_a_wrapper_are_those_of_the_inner_one():
    inner = keras_optim.SGD(0.1, weight_decay=0.5)
    inner.exclude_from_weight_decay(var_names=["nothing like it"])
    optimizer = keras_optim.Lookahead(keras_optim.RateMultipliers(inner, {"x1": 2.0}))
    optimizer.exclude_from_weight_decay(var_names=["x0"])
    again = keras_optim.Lookahead.from_config(optimizer.get_config())
    for one in (optimizer, again):
        path = run(one, [np.ones(1), np.ones(1)], [[np.zeros(1), np.zeros(1)]])
        assert difference(path, [[1.0, 0.9]]) < 1e-6


def test_wrong_multipliers():
    inside = keras_optim.RateMultipliers(keras_optim.SGD(), {"x": 2})

    def built(multipliers):
        keras_optim.RateMultipliers(keras_optim.SGD(), multipliers).build(variables(VALUES))

    with pytest.raises(ValueError, match=r"RateMultipliers: `multipliers` got 'y', which matches"):
        built({"x": 1.0, "y": 2.0})
    with pytest.raises(ValueError, match=r"matches no variable. The variables are: x0, x1, x2, x3"):
        built({"y": 2.0})
    with pytest.raises(ValueError, match=r"got '\(', which is no regular expression"):
        built({"(": 2.0})
    with pytest.raises(ValueError, match=r"`multipliers\['x'\]` must be a finite number"):
        built({"x": -1})
    with pytest.raises(TypeError, match=r"Received: multipliers\['x'\]='fast'"):
        built({"x": "fast"})
    with pytest.raises(TypeError, match="Received: multipliers={0: 1.0}"):
        built({0: 1.0})
    for pair in (["x"], ["x", "fast"], [3, 1.0]):
        config = {**inside.get_config(), "multipliers": [pair]}
        with pytest.raises(TypeError, match="RateMultipliers: `multipliers"):
            keras_optim.RateMultipliers.from_config(config)
    with pytest.raises(TypeError, match=r"`multipliers` must be a dict.*Received: multipliers=\["):
        built(["x"])
    assert type(inside.multipliers["x"]) is float


@pytest.mark.skipif(BACKEND != "tensorflow", reason="native variables belong to TensorFlow")
def test_native_variables():
    import tensorflow as tf

    xs = [tf.Variable([1.0], name="body"), tf.Variable([1.0], name="head")]
    optimizer = keras_optim.RateMultipliers(keras_optim.SGD(0.5), {"head": 0.0})
    optimizer.apply([tf.constant([1.0])] * 2, xs)
    assert [float(x[0]) for x in xs] == [0.5, 1.0]
