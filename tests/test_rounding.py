"""Rounding to half precision: bits by the definition, unbiased, and right at the edges."""

import numpy as np
import pytest
from keras import ops

from keras_optim import rounding
from tests.conftest import BACKEND
from tests.support import half_bits
from tests.support.trajectories import numbers

DTYPES = ("bfloat16", "float16")
MANY = 2**16
SPECIAL = np.array(
    [0.0, -0.0, 1.0, -1.5, 65504.0, 6e-8, 6.1e-5, np.inf, -np.inf, 2.0**-24], "float32"
)


def rounded(x, dtype, seed=0, name="m", t=1, number=0, places=None):
    x = ops.convert_to_tensor(np.asarray(x, "float32"))
    at = rounding.stream(seed, name)
    return numbers([rounding.rounded(x, dtype, at, t, number, places)])[0]


def anything(count=4001):
    """Numbers of all sizes that float16 holds, most of them between two of it."""
    random = np.random.default_rng(0)
    sizes = 2.0 ** random.uniform(-27, 15.9, count)
    return (sizes * random.choice([-1, 1], count)).astype("float32")


@pytest.mark.parametrize("shape", [(), (7,), (3, 1, 5), (0, 4), (300, 400)])
def test_the_bits_are_those_of_the_definition(shape):
    at, count = rounding.stream(3, "velocity"), int(np.prod(shape))
    for t, number in ((1, 0), (2**31 - 1, 77)):
        found = rounding.random_bits(at, t, number, rounding.places(shape))
        expected = half_bits.bits(3, "velocity", t, number, count).view("int32").reshape(shape)
        np.testing.assert_array_equal(ops.convert_to_numpy(found), expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_each_number_is_rounded_by_its_bits(dtype):
    x = anything()
    random = half_bits.bits(0, "m", 5, 2, x.size)
    found = rounded(x, dtype, t=5, number=2)
    np.testing.assert_array_equal(found, half_bits.at_random(x, dtype, random))


@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_have_the_bits_that_they_have_in_the_whole(dtype):
    x, rows = anything(60).reshape(20, 3), np.array([4, 4, 17])
    some = rounding.places((None, 3), rows=ops.convert_to_tensor(rows))
    found = rounded(x[rows], dtype, places=some)
    np.testing.assert_array_equal(found, rounded(x, dtype)[rows])


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_half_precision_holds_stays(dtype):
    exact = half_bits.nearest(SPECIAL, dtype)
    for t in range(20):
        found = rounded(exact, dtype, t=t)
        np.testing.assert_array_equal(found, exact)
        np.testing.assert_array_equal(np.signbit(found), np.signbit(exact))
    assert np.isnan(rounded([np.nan], dtype)).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_beyond_the_largest_number_it_is_to_nearest(dtype):
    """No carry makes an infinity of a number that rounding to nearest keeps finite."""
    largest = half_bits.LARGEST[dtype]
    unit = {"bfloat16": 2.0**120, "float16": 32.0}[dtype]
    below = np.float32(largest + 0.499 * unit)
    x = np.tile([below, -below, np.float32(largest + 0.501 * unit)], 500)
    expected = np.tile([largest, -largest, np.inf], 500)
    np.testing.assert_array_equal(rounded(x, dtype), expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("value", [1.0 + 2.0**-12, -3.001, 1e-3, 3e-6, 1e-7, 2.0**-26])
def test_the_mean_is_the_number(dtype, value):
    """Over elements of one step and over steps, within 4.5 standard errors."""
    exact = float(np.float32(value))
    low, high = half_bits.neighbours(exact, dtype)
    share = (exact - low) / (high - low) if high != low else 0.0
    error = abs(high - low) * np.sqrt(share * (1.0 - share) / MANY)
    at_once = rounded(np.full(MANY, value), dtype)
    t = ops.convert_to_tensor(np.arange(1, MANY // 64 + 1)[:, None])
    first = rounding.places((64,))
    steps = rounded(np.full((MANY // 64, 64), value), dtype, t=t, number=t % 7, places=first)
    for found in (at_once, steps):
        assert set(np.unique(found)) <= {float(low), float(high)}
        assert abs(found.mean() - exact) <= 4.5 * error


def test_bits_are_even_and_know_nothing_of_each_other():
    """Of neighbours, steps, variables, slots and seeds: each bit, within 4.5 standard errors."""
    places = rounding.places((MANY,))

    def signs(seed=0, name="m", t=1, number=0):
        found = rounding.random_bits(rounding.stream(seed, name), t, number, places)
        word = ops.convert_to_numpy(found).view("uint32")
        return 1 - 2 * ((word[:, None] >> np.arange(32, dtype="uint32")) & 1).astype("int64")

    first = signs()
    others = [signs(t=2), signs(number=1), signs(name="v"), signs(seed=1), np.roll(first, 1, 0)]
    for product in (first, *(first * other for other in others)):
        assert np.abs(product.mean(0)).max() <= 4.5 / np.sqrt(MANY)


@pytest.mark.parametrize("dtype", DTYPES)
def test_nearest_is_the_cast(dtype):
    odd = [np.nan, 65519.99, -65520.0, 1e-45, half_bits.LARGEST["bfloat16"] * 1.0019]
    x = np.concatenate([anything(), SPECIAL, np.array(odd, "float32")])
    ties = (half_bits.neighbours(x[:500], dtype)[0] * (1 + 2.0**-11)).astype("float32")
    x = np.concatenate([x, ties])
    found = numbers([rounding.nearest(ops.convert_to_tensor(x), dtype)])[0]
    expected = half_bits.nearest(x, dtype)
    tiny = np.abs(x) < 1e-37  # some backends flush such numbers to zero
    np.testing.assert_array_equal(found[~tiny], expected[~tiny])


@pytest.mark.skipif(BACKEND == "torch", reason="its kernels are in tests/codegen/test_half.py")
@pytest.mark.parametrize("dtype", DTYPES)
def test_compiled_it_is_the_same(dtype):
    x = ops.convert_to_tensor(anything())

    def both(x, t):
        return (
            ops.cast(rounding.rounded(x, dtype, (3, 4), t, 5), "float32"),
            x - rounding.nearest(x, dtype),
        )

    if BACKEND == "jax":
        import jax

        found = jax.jit(both)(x, 9)
    else:
        import tensorflow as tf

        found = tf.function(both, jit_compile=True)(x, tf.constant(9))
    for ours, plain in zip(found, both(x, 9), strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(ours), ops.convert_to_numpy(plain))
    assert np.any(ops.convert_to_numpy(found[1]))
