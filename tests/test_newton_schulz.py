"""Newton-Schulz iterations against NumPy and the singular value decomposition."""

import numpy as np
import pytest
from keras import ops

from keras_optim import newton_schulz
from tests.conftest import BACKEND

SETS = [("jordan", 5), *((name, n) for name, sets in newton_schulz.FIXED.items() for n in sets)]
BOUNDS = {  # of singular values after the iterations, if they were at least a tenth of the norm
    ("jordan", 5): (0.67, 1.15),
    ("quintic", 5): (0.97, 1.04),
    ("polar_express", 5): (0.85, 1.15),
    ("polar_express", 8): (0.999, 1.001),
    ("cans", 5): (0.88, 1.12),
}
RANDOM = np.random.default_rng(0)


def of_singular_values(shape, low, high):
    """Draw a matrix with singular values between two numbers, and return it with its `U V^T`."""
    u, _, v = np.linalg.svd(RANDOM.normal(size=shape), full_matrices=False)
    values = np.linspace(low, high, min(shape))
    return (u * values) @ v, u @ v


def orthogonalized(x, name, number, epsilon=1e-12):
    steps = newton_schulz.iterations(name, number)
    return ops.convert_to_numpy(newton_schulz.orthogonalized(ops.array(x), steps, epsilon))


def rounding(name, number, unit):
    """Return the rounding of the first product, as steep as the polynomials can make it."""
    return unit * np.prod([a for a, _, _ in newton_schulz.iterations(name, number).triples])


def in_numpy(x, name, number, epsilon):
    steps = newton_schulz.iterations(name, number)
    x = x / (steps.safety * np.linalg.norm(x) + epsilon)
    for a, b, c in steps.triples:
        square = x @ x.T  # of the longer side, too
        x = a * x + b * square @ x + c * square @ square @ x
    return x


@pytest.mark.parametrize(("name", "number"), SETS)
@pytest.mark.parametrize("shape", [(6, 6), (12, 5), (5, 12)], ids=str)
def test_singular_values_become_one_and_vectors_stay(name, number, shape, float64):
    x, nearest = of_singular_values(shape, 0.5, 1.0)
    found = orthogonalized(x, name, number)
    values = np.linalg.svd(found, compute_uv=False)
    low, high = BOUNDS[name, number]
    assert low < values.min() and values.max() < high
    assert np.linalg.norm(found - nearest, 2) == pytest.approx(np.abs(values - 1).max(), rel=1e-6)
    short = found @ found.T if shape[0] <= shape[1] else found.T @ found
    assert np.abs(short - np.eye(min(shape))).max() < max(1 - low**2, high**2 - 1)


@pytest.mark.parametrize(("name", "number"), SETS)
def test_a_number_of_iterations_has_its_own_polynomials(name, number):
    """A longer list cut short is worse: its last polynomial does not end at 1."""
    triples = newton_schulz.iterations(name, number).triples
    assert len(triples) == number
    if name == "polar_express":
        whole = newton_schulz.FIXED[name][8].triples
        assert (triples == whole[:number]) == (number == 8)
    other = 9
    if name != "jordan":
        with pytest.raises(ValueError, match=f'"{name}" has polynomials for .* iterations'):
            newton_schulz.iterations(name, other)


@pytest.mark.parametrize(("name", "number"), SETS)
def test_it_is_that_of_numpy(name, number, float64):
    stack = RANDOM.normal(size=(2, 3, 7, 4))
    found = orthogonalized(stack, name, number, 1e-2)
    assert found.shape == stack.shape and found.dtype == np.float64
    for place in np.ndindex(2, 3):
        other = in_numpy(stack[place], name, number, 1e-2)
        assert np.abs(found[place] - other).max() < rounding(name, number, 2**-52)


@pytest.mark.parametrize("size", [1e30, 1e37, 1e-20, 1e-30, 1.0])
def test_the_size_of_the_numbers_does_not_matter(size):
    """With an epsilon far below their norm."""
    x = np.array([[1.0, 0.5, 0.0], [-0.5, 1.0, 1.0]])
    found = orthogonalized((x * size).astype("float32"), "cans", 5, epsilon=1e-38)
    other = in_numpy(x, "cans", 5, 0.0)
    assert np.abs(found - other).max() < rounding("cans", 5, 2**-23)


@pytest.mark.parametrize("size", [0.0, 1e-45, 1e-39, 1e-37])
def test_next_to_nothing_stays_so(size):
    found = orthogonalized(np.full((2, 3), size, "float32"), "cans", 5, epsilon=1e-7)
    assert np.abs(found).max() < 1e-25


def test_a_matrix_of_a_stack_does_not_reach_another():
    good = RANDOM.normal(size=(4, 3)).astype("float32")
    stack = np.stack([np.full_like(good, np.nan), good, 1e30 * good])
    found = orthogonalized(stack, "quintic", 5)
    assert np.all(np.isnan(found[0])) and not np.any(np.isnan(found[1:]))
    np.testing.assert_allclose(found[1], found[2], atol=1e-5)
    np.testing.assert_allclose(found[1], orthogonalized(good, "quintic", 5), atol=1e-5)


@pytest.mark.skipif(BACKEND != "jax", reason="lowering for TPU is JAX's")
def test_it_lowers_for_tpu():
    import jax
    from jax import export

    def function(x):
        return newton_schulz.orthogonalized(x, newton_schulz.iterations("jordan", 5), 1e-7)

    lowered = export.export(jax.jit(function), platforms=["tpu"])(jax.numpy.ones((3, 8, 4)))
    assert "custom_call" not in lowered.mlir_module()
