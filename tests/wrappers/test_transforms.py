"""Wrappers that change, add to or refuse gradients."""

from itertools import pairwise

import numpy as np
import pytest
from keras import ops

import keras_optim
from tests.support.trajectories import (
    difference,
    gradients,
    numbers,
    run,
    starts,
    tensor,
    variables,
)
from tests.wrappers.test_rate_multipliers import data, model_of

STEPS, VALUES = gradients(steps=6), starts()


# ---- centralisation, adaptive clipping


def in_torch_layout(function, *arrays):
    """`function` of arrays with the outputs first, of which the first is returned as it was."""
    import torch

    first = [torch.tensor(np.moveaxis(a, -1, 0) if a.ndim > 1 else a) for a in arrays]
    result = function(*first).numpy()
    return np.moveaxis(result, 0, -1) if result.ndim > 1 else result


@pytest.mark.parametrize("name", ["centralization", "adaptiveclipping"])
def test_pytorch_optimizer(name, float64):
    pytest.importorskip(
        "pytorch_optimizer", reason="pytorch_optimizer needs torch", exc_type=ImportError
    )
    if name == "centralization":
        from pytorch_optimizer.optimizer.gradient_centralization import centralize_gradient

        def theirs(g, x):
            centralize_gradient(g, gc_conv_only=False)
            return g
    else:
        from pytorch_optimizer.optimizer.agc import agc

        def theirs(g, x):
            return agc(x, g, 1e-3, 0.2)

    options = {"clipping": 0.2} if name == "adaptiveclipping" else {}
    optimizer = keras_optim.get(name, inner=keras_optim.SGD(1.0), **options)
    [after] = run(optimizer, VALUES, STEPS[:1], dtype="float64")
    expected = [x - in_torch_layout(theirs, g, x) for g, x in zip(STEPS[0], VALUES, strict=True)]
    assert difference([after], [expected]) < 1e-12


def test_units_keep_their_sum_when_gradients_are_centred():
    path = run(keras_optim.Centralization(keras_optim.SGD(0.1, momentum=0.9)), VALUES, STEPS)
    for i in (2, 3):
        axes = tuple(range(VALUES[i].ndim - 1))
        assert np.max(np.abs(path[-1][i].sum(axes) - VALUES[i].sum(axes))) < 1e-5
        assert np.max(np.abs(path[-1][i].sum(-1) - VALUES[i].sum(-1))) > 1e-2


def test_what_is_excluded_is_not_clipped():
    steps = [[100.0 * g for g in gs] for gs in STEPS[:1]]
    optimizer = keras_optim.AdaptiveClipping(keras_optim.SGD(0.1), exclude=["x[03]"])
    again = keras_optim.AdaptiveClipping.from_config(optimizer.get_config())
    plain = run(keras_optim.SGD(0.1), VALUES, steps)
    for one in (optimizer, again):
        path = run(one, VALUES, steps)
        same = [np.array_equal(a, b) for a, b in zip(path[0], plain[0], strict=True)]
        assert same == [True, False, False, True]
    with pytest.raises(ValueError, match="AdaptiveClipping: `exclude` got 'head', which matches"):
        run(keras_optim.AdaptiveClipping(keras_optim.SGD(), exclude=["head"]), VALUES, steps)


def test_weights_at_zero_can_move_and_zero_gradients_stay():
    values = [np.zeros((2, 2)), np.ones((2, 2))]
    steps = [[np.ones((2, 2)), np.zeros((2, 2))]]
    [after] = run(keras_optim.AdaptiveClipping(keras_optim.SGD(1.0)), values, steps)
    expected = -1e-5 / np.sqrt(2)
    np.testing.assert_allclose(after[0], np.full((2, 2), expected), rtol=1e-5)
    np.testing.assert_array_equal(after[1], values[1])


# ---- non-finite steps


def with_bad_steps():
    """`STEPS` with three more among them, each with one bad number somewhere."""
    steps = [[g.copy() for g in gs] for gs in STEPS]
    for at, variable, bad in ((0, 0, np.nan), (3, 3, np.inf), (4, 1, -np.inf)):
        broken = [g.copy() for g in STEPS[0]]
        broken[variable].reshape(-1)[-1] = bad
        steps.insert(at, broken)
    return steps


GOOD = [1, 2, 5, 6, 7, 8]


@pytest.mark.parametrize("name", ["sgd", "adam", "nadam", "radam"])
def test_skipped_steps_leave_no_trace(name):
    """The very numbers of a run without them: weights, slots, shared scalars, decay."""

    def inner():
        return keras_optim.get(name, learning_rate=0.1, weight_decay=0.1)

    optimizer, plain = keras_optim.SkipNonFinite(inner()), inner()
    path = run(optimizer, VALUES, with_bad_steps())
    assert difference([path[i] for i in GOOD], run(plain, VALUES, STEPS)) == 0.0
    assert difference([path[i] for i in (0, 3, 4)], [VALUES, path[2], path[2]]) == 0.0
    assert optimizer.skipped == 3
    assert int(numbers([optimizer.iterations])[0]) == 9
    for ours, theirs in zip(optimizer.state.slots, plain.state.slots, strict=True):
        for slot in theirs:
            np.testing.assert_array_equal(numbers([ours[slot]])[0], numbers([theirs[slot]])[0])
    for scalar in plain.shared:
        ours, theirs = optimizer.state.shared[scalar], plain.state.shared[scalar]
        assert numbers([ours])[0] == numbers([theirs])[0]


def test_what_the_inner_rule_sums_is_skipped_as_well():
    from tests.engine.test_run import Distance

    optimizer = keras_optim.SkipNonFinite(Distance(0.01))
    path = run(optimizer, VALUES, with_bad_steps())
    assert difference([path[i] for i in GOOD], run(Distance(0.01), VALUES, STEPS)) == 0.0


def test_the_count_can_be_read_inside_another_wrapper_and_survives_saving():
    inside = keras_optim.SkipNonFinite(keras_optim.Adam())
    assert inside.skipped == 0
    optimizer = keras_optim.Lookahead(inside)
    path = run(optimizer, VALUES, with_bad_steps())
    assert np.all(np.isfinite(path[-1][3]))
    assert inside.skipped == optimizer.inner.skipped == 3
    store = {}
    optimizer.save_own_variables(store)
    again = keras_optim.Lookahead.from_config(optimizer.get_config())
    again.build(variables(VALUES))
    again.load_own_variables(store)
    assert again.inner.skipped == 3


@pytest.mark.parametrize("jit_compile", [False, "auto"])
def test_a_bad_batch_in_fit_is_left_out(jit_compile):
    x, y = data()
    bad = y.copy()
    bad[9] = np.nan
    weights = []
    for targets, rows in ((bad, slice(None)), (y, [*range(8), *range(12, 16)])):
        model = model_of(["one", "two"])
        model.compile(
            keras_optim.SkipNonFinite(keras_optim.Adam(0.1)), "mse", jit_compile=jit_compile
        )
        model.fit(x[rows], targets[rows], batch_size=4, shuffle=False, verbose=0)
        weights.append(model.get_weights())
        assert model.optimizer.skipped == (1 if targets is bad else 0)
    for a, b in zip(*weights, strict=True):
        np.testing.assert_array_equal(a, b)


# ---- noise


def noises(optimizer, steps, size=20000):
    """What is added to two variables in each of the first steps: (step, variable, element)."""
    values = [np.zeros(size), np.zeros(size)]
    path = [values, *run(optimizer, values, [values] * steps)]
    return np.array([[a - b for a, b in zip(*pair, strict=True)] for pair in pairwise(path)])


def test_the_noise_has_the_variance_of_the_paper_and_no_memory():
    drawn = noises(keras_optim.GradientNoise(keras_optim.SGD(1.0), 0.3, 0.55, seed=1), steps=8)
    for t, both in enumerate(drawn, start=1):
        for noise in both:
            sigma = np.sqrt(0.3 / t**0.55)
            assert abs(noise.std() / sigma - 1) < 0.03
            assert abs(noise.mean()) < 5 * sigma / np.sqrt(noise.size)
            assert abs(np.mean(np.abs(noise) < sigma) - 0.6827) < 0.02  # it is normal
    rows = drawn.reshape(16, -1)
    correlation = np.corrcoef(rows) - np.eye(16)
    assert np.max(np.abs(correlation)) < 0.05


def test_one_seed_one_noise():
    def drawn(seed, steps=3):
        return noises(keras_optim.GradientNoise(keras_optim.SGD(1.0), seed=seed), steps, 50)

    np.testing.assert_array_equal(drawn(7), drawn(7))
    assert np.min(np.abs(drawn(7) - drawn(8))) > 0
    optimizer = keras_optim.GradientNoise(keras_optim.SGD())
    assert keras_optim.GradientNoise(keras_optim.SGD()).seed != optimizer.seed
    again = keras_optim.GradientNoise.from_config(optimizer.get_config())
    assert again.seed == optimizer.seed
    np.testing.assert_array_equal(noises(again, 2, 50), noises(optimizer, 2, 50))


def test_the_noise_of_double_precision_is_double(float64):
    optimizer = keras_optim.GradientNoise(keras_optim.SGD(1.0), eta=1.0, seed=0)
    [path] = run(optimizer, [np.zeros(100)], [[np.zeros(100)]], dtype="float64")
    assert np.any(path[0].astype("float32") != path[0])


class Ramp(keras_optim.Optimizer):
    """Notes each gradient's first element in a slot of its own, one after the other."""

    slots = ("seen",)

    def init(self, x):
        return {"seen": ops.zeros((6,))}

    def update(self, g, x, s, t, lr):
        here = ops.cast(ops.arange(6) == ops.cast(t, "int32") - 1, g.dtype)
        return ops.zeros_like(x), {"seen": s["seen"] + here * ops.reshape(g, (-1,))[0]}


@pytest.mark.parametrize("jit_compile", [False, "auto"])
def test_in_fit_each_step_has_its_own_noise_and_a_resumed_training_the_same(jit_compile, tmp_path):
    x, y = np.zeros((12, 3), "float32"), np.zeros((12, 3), "float32")

    def fitted(model, rows):
        model.fit(x[:rows], y[:rows], batch_size=4, verbose=0)
        return model

    def compiled():
        model = model_of(["one"])
        optimizer = keras_optim.GradientNoise(Ramp(0.1), eta=1.0, seed=5)
        model.compile(optimizer, lambda y_true, y: 0.0 * ops.mean(y), jit_compile=jit_compile)
        return model

    def seen(model):
        return np.array([numbers([s["seen"]])[0] for s in model.optimizer.state.slots])

    whole = fitted(fitted(compiled(), 12), 12)
    assert np.unique(seen(whole)).size == 12
    first = fitted(compiled(), 12)
    first.save_weights(tmp_path / "half.weights.h5")
    second = compiled()
    second.optimizer.build(second.trainable_variables)
    second.load_weights(tmp_path / "half.weights.h5")
    np.testing.assert_array_equal(seen(fitted(second, 12)), seen(whole))


# ---- all together


def test_wrappers_compose():
    """Each does its part, in the order in which they stand; decay happens innermost."""
    optimizer = keras_optim.Lookahead(
        keras_optim.SkipNonFinite(
            keras_optim.AdaptiveClipping(
                keras_optim.Centralization(keras_optim.SGD(0.1, weight_decay=0.5)), clipping=0.2
            )
        ),
        sync_period=2,
    )
    again = keras_optim.Lookahead.from_config(optimizer.get_config())
    assert again.get_config() == optimizer.get_config()
    assert again.weight_decay == 0.5

    x = slow = VALUES[2]
    for i, gs in enumerate(STEPS[:4], start=1):
        g = gs[2]
        limit = 0.2 * np.linalg.norm(x, axis=0) / np.linalg.norm(g, axis=0)
        g = g * np.minimum(1.0, limit)
        g = g - g.mean(axis=0)
        x = x - 0.1 * 0.5 * x - 0.1 * g
        if i % 2 == 0:
            x = slow = (x + slow) / 2
    steps = [[gs[2]] for gs in STEPS[:4]]
    for one in (optimizer, again):
        assert difference(run(one, [VALUES[2]], steps)[-1:], [[x]]) < 1e-6


def test_a_transform_without_transform_says_so():
    from keras_optim.wrappers.wrapper import GradientTransform

    class Nothing(GradientTransform):
        """No transform."""

    with pytest.raises(NotImplementedError, match="Nothing must define `transform`"):
        Nothing(keras_optim.SGD()).apply([tensor([1.0])], variables([np.ones(1)]))


def test_the_inner_rule_measures_what_it_sees():
    from tests.engine.test_run import Distance

    halved = [[0.5 * np.sign(g) for g in gs] for gs in STEPS[:2]]

    class Signs(keras_optim.wrappers.wrapper.GradientTransform):
        """Half of the sign."""

        def transform(self, g, x, s, t):
            return 0.5 * ops.sign(g)

    optimizer = keras_optim.Centralization(Signs(Distance(0.01)))
    flat = [v.reshape(-1) for v in VALUES]
    steps = [[g.reshape(-1) for g in gs] for gs in STEPS[:2]]
    expected = run(Distance(0.01), flat, [[g.reshape(-1) for g in gs] for gs in halved])
    assert difference(run(optimizer, flat, steps), expected) < 1e-6
