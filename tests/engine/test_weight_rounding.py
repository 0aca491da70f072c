"""Weights in half precision: rounded at random, or with the bits that rounding loses."""

import copy

import keras
import numpy as np
import pytest
from keras import ops

import keras_optim
from keras_optim.state import evaluation_weights
from tests.conftest import BACKEND
from tests.engine.test_stored_weights import Travelling, Within
from tests.support import half_bits
from tests.support.catalog_cases import make
from tests.support.loops import repeat
from tests.support.passes import apply
from tests.support.trajectories import (
    difference,
    gradients,
    joined,
    numbers,
    run,
    starts,
    tensor,
    variables,
)

STEPS, VALUES = gradients(steps=6), starts()
DTYPES = ("bfloat16", "float16")
WAYS = ("stochastic", "kahan")
UNIT = {"bfloat16": 2.0**-7, "float16": 2.0**-10}
COUNT = 4096


class Plain(keras_optim.Optimizer):
    """Descent, in one multiplication and one sum."""

    def update(self, g, x, s, t, lr):
        return -lr * g, {}


def walk(optimizer, xs, dtype, steps=STEPS):
    for gs in steps:
        optimizer.apply([tensor(g, dtype) for g in gs], xs)
        yield numbers(xs)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("way", [*WAYS, "nearest"])
def test_the_weights_are_those_of_the_definition(way, dtype):
    """Each bit, against NumPy: 0.5 is a rate whose product is exact."""
    optimizer, xs = Plain(0.5, weight_rounding=way, rounding_seed=7), variables(VALUES, dtype)
    held = [half_bits.nearest(x, dtype).astype("float32") for x in VALUES]
    lost = [np.zeros_like(x) for x in held]
    for t, found in enumerate(walk(optimizer, xs, dtype), start=1):
        for i, x in enumerate(held):
            value = x - np.float32(0.5) * half_bits.nearest(STEPS[t - 1][i], dtype).astype(
                "float32"
            )
            if way == "stochastic":
                random = half_bits.bits(7, "weight", t, i, value.size).reshape(value.shape)
                held[i] = half_bits.at_random(value, dtype, random).astype("float32")
            else:
                exact = value + lost[i] if way == "kahan" else value
                held[i] = half_bits.nearest(exact, dtype).astype("float32")
                lost[i] = half_bits.nearest(exact - held[i], "bfloat16").astype("float32")
        assert difference([found], [held]) == 0.0, t
        if way == "kahan":
            ours = numbers(slots["compensation"] for slots in optimizer.state.slots)
            assert difference([ours], [lost]) == 0.0, t


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("way", WAYS)
def test_many_compiled_steps_below_the_resolution_move_a_weight(way, dtype):
    """Steps of a 32nd of a unit, which rounding to nearest drops: XLA must keep what is lost."""
    step, count = UNIT[dtype] / 32, 64
    [x] = xs = variables([np.ones(COUNT)], dtype)
    optimizer = keras_optim.SGD(step, weight_rounding=way)
    repeat(optimizer, xs, lambda t, xs: [-ops.ones((COUNT,), dtype=dtype)], count)
    found, exact = numbers([x])[0], 1.0 + step * count
    if way == "kahan":
        assert np.all(np.abs(found - exact) <= UNIT[dtype] / 2)
        assert {v.dtype for v in optimizer.state.slots[0].values()} == {"bfloat16"}
    else:
        assert abs(found.mean() - exact) < 4.5 * found.std() / np.sqrt(COUNT) < 0.1 * step * count


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_path_of_single_precision_is_nearer(way, dtype):
    """Steps of a few units for a hundred steps, of Adam."""
    values = [np.linspace(0.5, 1.5, 600).reshape(20, 30)]
    steps = [[np.sign(g) * 2.0**-8 + 2.0**-7] for [g] in gradients([(20, 30)], steps=60)]
    rate = UNIT[dtype] / 8

    plain = run(keras_optim.Adam(rate), values, steps)

    def off(way):
        path = run(keras_optim.Adam(rate, weight_rounding=way), values, steps, dtype=dtype)
        return np.abs(joined(path[-1]) - joined(plain[-1])).mean()

    assert off(way) < 0.5 * off("nearest")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["adam", "lookahead(adam)"])
def test_nothing_changes_for_single_precision(name, way):
    optimizer = make(name, weight_rounding=way)
    path = run(optimizer, VALUES, STEPS)
    assert difference(path, run(make(name), VALUES, STEPS)) == 0.0
    assert not any("compensation" in slots for slots in optimizer.state.slots)


@pytest.mark.parametrize(
    ("kind", "constraint", "way"),
    [
        ("ema", None, "stochastic"),
        ("ema", Within(), "kahan"),
        ("swa", None, "kahan"),
        ("swa", Within(), "stochastic"),
    ],
    ids=["ema", "ema-within", "swa", "swa-within"],
)
def test_averages_are_those_of_the_stored_weights(kind, constraint, way):
    case = {"decay": 0.5, "warmup": False} if kind == "ema" else {"start_step": 1}
    inner = keras_optim.SGD(0.05, momentum=0.5, weight_decay=0.1, weight_rounding=way)
    optimizer, xs = keras_optim.get(kind, inner=inner, **case), variables(VALUES, "bfloat16")
    for x in xs:
        x.constraint = constraint
    averages = numbers(xs)
    for t, found in enumerate(walk(optimizer, xs, "bfloat16"), start=1):
        share = 0.5 if kind == "ema" else 1.0 / t
        averages = [a + share * (x - a) for a, x in zip(averages, found, strict=True)]
        if constraint:
            assert max(np.max(x) for x in found) <= 0.25
    lags = numbers(slots["lag"] for slots in optimizer.state.slots)
    ours = [x + lag for x, lag in zip(found, lags, strict=True)]
    assert difference([ours], [averages]) < 1e-5
    before = numbers(xs)
    evaluation_weights.swap_in(optimizer)
    assert difference([numbers(xs)], [averages]) < 2.0**-7
    evaluation_weights.swap_out(optimizer)
    assert difference([numbers(xs)], [before]) == 0.0


@pytest.mark.parametrize("way", WAYS)
def test_what_is_stored_after_a_decay_is_known(way):
    random = np.random.default_rng(0)
    optimizer = Travelling(0.01, weight_decay=0.3, weight_rounding=way)
    xs = variables([random.normal(size=20_000)], "bfloat16")
    for _ in range(5):
        optimizer.apply([tensor(random.normal(size=20_000), "bfloat16")], xs)
        [x], [end] = numbers(xs), numbers([optimizer.state.slots[0]["end"]])
        np.testing.assert_allclose(end, x, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "options",
    [
        {"gradient_accumulation_steps": 2},
        {"use_ema": True, "ema_momentum": 0.9},
        {"clipnorm": 0.5, "weight_decay": 0.1},
    ],
    ids=lambda options: next(iter(options)),
)
def test_options_of_keras_act_as_in_single_precision(options, way):
    optimizer = keras_optim.SGD(0.05, momentum=0.9, weight_rounding=way, **options)
    path = run(optimizer, VALUES, STEPS, dtype="bfloat16")
    plain = run(keras_optim.SGD(0.05, momentum=0.9, **options), VALUES, STEPS)
    assert difference(path, plain) < 2.0**-4
    if options.get("use_ema"):
        average = numbers(optimizer._model_variables_moving_average)
        expected = path[0]
        for values in path[1:]:
            expected = [0.9 * a + 0.1 * x for a, x in zip(expected, values, strict=True)]
        assert difference([average], [expected]) < 1e-6
    if "gradient_accumulation_steps" in options:
        assert difference(path[0:1], [[half_bits.nearest(x, "bfloat16") for x in VALUES]]) == 0.0


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("adam", "kahan"),
        ("schedulefree(sgd)", "kahan"),
        ("lookahead(adam)", "stochastic"),
        ("sam(adam)", "stochastic"),
    ],
)
def test_a_copy_goes_on_to_the_bit(name, way):
    optimizer, xs = (
        make(name, weight_rounding=way, learning_rate=0.05),
        variables(VALUES, "float16"),
    )
    halves = [[tensor(g, "float16") for g in gs] for gs in STEPS]
    for gs in halves[:3]:
        apply(optimizer, gs, xs)
    copied, ys = copy.deepcopy(optimizer), [keras.Variable(x.numpy(), dtype="float16") for x in xs]
    for gs in halves[3:]:
        apply(optimizer, gs, xs)
        apply(copied, gs, ys)
    assert difference([numbers(xs)], [numbers(ys)]) == 0.0


def test_a_weight_that_is_set_by_hand_leaves_its_compensation():
    """It would be larger than the weight itself."""
    optimizer, xs = keras_optim.SGD(1.0, weight_rounding="kahan"), variables([[256.0]], "bfloat16")
    optimizer.apply([tensor([-0.75], "bfloat16")], xs)
    assert numbers([optimizer.state.slots[0]["compensation"]])[0] == 0.75
    xs[0].assign(np.array([0.125], "float32"))
    optimizer.apply([tensor([0.0625], "bfloat16")], xs)
    assert numbers(xs)[0] == 0.0625


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("way", WAYS)
def test_what_is_no_number_is_seen(way, bad):
    optimizer, xs = keras_optim.SGD(0.1, weight_rounding=way), variables([np.ones(2)], "float16")
    for g in ([bad, 0.5], [0.5, 0.5]):
        optimizer.apply([tensor(g, "float16")], xs)
    assert not np.isfinite(numbers(xs)[0][0]) and np.isfinite(numbers(xs)[0][1])


@pytest.mark.skipif(BACKEND != "tensorflow", reason="XLA is asked for on TensorFlow; JAX has it")
@pytest.mark.parametrize("way", WAYS)
def test_xla_keeps_what_is_lost(way):
    import tensorflow as tf

    ends = []
    for jit in (False, True):
        optimizer, xs = keras_optim.Adam(1e-3, weight_rounding=way), variables(VALUES, "bfloat16")
        optimizer.build(xs)
        step = tf.function(lambda *gs: optimizer.apply(list(gs), xs), jit_compile=jit)  # noqa: B023
        for gs in STEPS:
            step(*[tensor(g, "bfloat16") for g in gs])
        ends.append(numbers(xs))
    assert difference(*([end] for end in ends)) <= 2.0**-7  # `sqrt` of XLA is another


def test_what_has_no_meaning_is_refused():
    overwriting = {"use_ema": True, "ema_overwrite_frequency": 3}
    with pytest.raises(ValueError, match="`ema_overwrite_frequency` must be None"):
        keras_optim.Adam(weight_rounding="kahan", **overwriting)
    optimizer = keras_optim.Adam(weight_rounding="kahan", use_ema=True)
    optimizer.ema_overwrite_frequency = 3
    with pytest.raises(ValueError, match="EMA around the optimizer"):
        optimizer.build(variables([np.ones(2)]))
    with pytest.raises(
        (TypeError, ValueError), match="must be 'nearest' or 'stochastic' or 'kahan'"
    ):
        keras_optim.Adam(weight_rounding="random")
    with pytest.raises((TypeError, ValueError), match="`rounding_seed` must be an integer"):
        keras_optim.Adam(rounding_seed=-1)
