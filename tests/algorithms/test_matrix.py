"""Arithmetic of matrices: blocks, roots, eigenvectors, steps of power iteration."""

import numpy as np
import pytest
from keras import ops

from keras_optim import matrix
from tests.conftest import BACKEND


def symmetric(n, rank, seed=0, count=3):
    """Draw matrices >= 0 of a rank."""
    half = np.random.default_rng(seed).normal(size=(count, n, rank))
    return half @ half.transpose(0, 2, 1)


def numpy_of(function, *arrays):
    return ops.convert_to_numpy(function(*map(ops.array, arrays)))


@pytest.mark.parametrize("method", ["eigh", "newton"])
@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_an_inverse_root_is_one(order, method, float64):
    stack = symmetric(6, rank=4)
    root = numpy_of(lambda a: matrix.inverse_root(a, order, 0.5, method), stack)
    whole = np.linalg.matrix_power(root, order) @ (stack + 0.5 * np.eye(6))
    assert np.max(np.abs(whole - np.eye(6))) < 1e-12


@pytest.mark.parametrize("scale", [1e-25, 1.0, 1e25])
def test_newtons_roots_in_single_precision(scale):
    """Those by eigenvalues, nearly, for a condition of 1e4; of numbers of any size."""
    stack = (scale * (symmetric(20, rank=20) + 0.01 * np.eye(20))).astype("float32")
    one, other = (
        numpy_of(lambda a, m=m: matrix.inverse_root(a, 4, 1e-30, m), stack)
        for m in ("eigh", "newton")
    )
    assert np.max(np.abs(one - other)) < 5e-3 * np.max(one)
    singular = symmetric(6, rank=2).astype("float32")
    root = numpy_of(lambda a: matrix.inverse_root(a, 4, 1e-30, "newton"), singular)
    assert np.all(np.isfinite(root)) and np.max(root) > 5.0


@pytest.mark.parametrize("method", ["eigh", "newton"])
def test_a_matrix_that_is_not_finite_has_a_root_of_zeros(method):
    stack = np.stack([np.eye(2), np.full((2, 2), np.nan), np.array([[np.inf, 0.0], [0.0, 1.0]])])
    roots = numpy_of(lambda a: matrix.inverse_root(a, 4, 1e-12, method), stack)
    np.testing.assert_allclose(roots[0], np.eye(2), rtol=1e-6)
    np.testing.assert_array_equal(roots[1:], np.zeros((2, 2, 2)))


@pytest.mark.parametrize("rank", [6, 4, 0])
def test_eigenvectors(rank, float64):
    """Orthogonal, of falling eigenvalues, each with its largest component positive."""
    stack = symmetric(6, rank)
    vectors = numpy_of(matrix.eigenvectors, stack)
    np.testing.assert_allclose(vectors.transpose(0, 2, 1) @ vectors, [np.eye(6)] * 3, atol=1e-13)
    inside = vectors.transpose(0, 2, 1) @ stack @ vectors
    values = np.diagonal(inside, axis1=1, axis2=2)
    np.testing.assert_allclose(inside, [np.diag(v) for v in values], atol=1e-13)
    assert np.all(np.diff(values) < 1e-13)
    assert np.all(vectors.max(axis=1) > -vectors.min(axis=1))


def test_eigenvectors_of_a_null_space_are_those_of_a_small_ridge(float64):
    stack = symmetric(6, rank=4)
    ridge = 1e-7 * np.diag(np.arange(6, 0, -1))
    expected = numpy_of(matrix.eigenvectors, stack + ridge)
    np.testing.assert_allclose(numpy_of(matrix.eigenvectors, stack), expected, atol=1e-5)


def test_an_axis_of_zeros_keeps_its_unit_vector():
    stack = np.zeros((1, 5, 5))
    stack[:, 1:3, 1:3] = [[2.0, 1.0], [1.0, 2.0]]
    vectors = numpy_of(matrix.eigenvectors, stack)[0]
    np.testing.assert_allclose(vectors[:, 2:], np.eye(5)[:, [0, 3, 4]], atol=1e-6)


def test_a_matrix_that_is_not_finite_has_unit_vectors_and_leaves_a_basis():
    stack = np.stack([np.full((3, 3), np.nan), np.full((3, 3), np.inf)])
    np.testing.assert_array_equal(numpy_of(matrix.eigenvectors, stack), [np.eye(3)] * 2)
    basis = np.linalg.qr(np.random.default_rng(0).normal(size=(2, 3, 3)))[0]
    np.testing.assert_allclose(numpy_of(matrix.power_step, stack, basis), basis, atol=1e-6)


@pytest.mark.parametrize("rank", [6, 3, 0])
def test_power_steps(rank, float64):
    """Many of them lead to the eigenvectors; the null space keeps its basis."""
    stack = symmetric(6, rank)
    vectors = numpy_of(matrix.eigenvectors, stack)
    turn = np.linalg.qr(np.eye(6) + 0.1 * np.random.default_rng(1).normal(size=(6, 6)))[0]
    basis = vectors @ np.where(np.arange(6) < rank, turn * np.sign(np.diag(turn)), np.eye(6))
    basis = np.linalg.qr(basis)[0]
    for _ in range(400):
        basis = numpy_of(matrix.power_step, stack, basis)
    signs = np.sign(np.sum(basis * vectors, axis=1, keepdims=True))
    np.testing.assert_allclose(basis[..., :rank], (signs * vectors)[..., :rank], atol=1e-8)
    again = numpy_of(matrix.power_step, stack, basis)
    np.testing.assert_allclose(again, basis, atol=1e-8)


def test_one_power_step_is_a_qr(float64):
    stack, basis = symmetric(6, 6), np.linalg.qr(symmetric(6, 6, seed=1))[0]
    expected = np.linalg.qr(stack @ basis)[0]
    expected = expected * np.sign(np.sum(expected * basis, axis=1, keepdims=True))
    np.testing.assert_allclose(numpy_of(matrix.power_step, stack, basis), expected, atol=1e-12)


def test_columns_by_eigenvalue():
    """Estimates that are zero up to rounding stay in their order."""
    stack = np.array([np.diag([1.0, 0.0, 3.0, 1e-18, 2.0])])
    order = numpy_of(matrix.by_eigenvalue, stack, np.eye(5)[None])
    np.testing.assert_array_equal(order, [[2, 4, 0, 1, 3]])
    np.testing.assert_array_equal(
        numpy_of(matrix.columns, np.eye(5)[None], order)[0], np.eye(5)[:, order[0]]
    )


def test_the_bound_of_the_largest_eigenvalue():
    stack = symmetric(8, 8, count=20)
    largest, rows = np.linalg.eigvalsh(stack)[:, -1], np.linalg.norm(stack, axis=-1).max(axis=-1)
    bound = numpy_of(matrix.top_eigenvalue, stack)[:, 0, 0]
    assert np.all(bound <= largest * (1 + 1e-6)) and np.all(bound >= rows * (1 - 1e-6))
    assert np.all(bound > 0.7 * largest)


def test_a_triangular_inverse(float64):
    stack = np.triu(symmetric(5, 5) + np.eye(5))
    np.testing.assert_allclose(
        numpy_of(matrix.triangular_inverse, stack) @ stack, [np.eye(5)] * 3, atol=1e-12
    )


LOWERED = {
    "eigh": lambda a, q: matrix.inverse_root(a, 4, 1e-6),
    "newton": lambda a, q: matrix.inverse_root(a, 4, 1e-6, "newton"),
    "eigenvectors": lambda a, q: matrix.eigenvectors(a),
    "power step": matrix.power_step,
    "order": lambda a, q: matrix.columns(q, matrix.by_eigenvalue(a, q)),
    "triangle": lambda a, q: matrix.triangular_inverse(ops.triu(a)),
}


@pytest.mark.skipif(BACKEND != "jax", reason="only JAX lowers for TPU")
@pytest.mark.parametrize("name", LOWERED)
def test_it_lowers_for_tpu(name):
    """The root by products has no call of a library for matrices."""
    import jax
    from jax import export

    a = np.zeros((2, 8, 8), "float32")
    text = export.export(jax.jit(LOWERED[name]), platforms=["tpu"])(a, a).mlir_module()
    assert "callback" not in text
    if name == "newton":
        assert "custom_call" not in text


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
def test_blocks_are_joined_again(size):
    x = ops.array(np.random.default_rng(0).normal(size=(3, 2, 5, 7)))
    stack = matrix.blocks(x, size)
    assert max(stack.shape[1:]) <= size
    np.testing.assert_array_equal(
        *map(ops.convert_to_numpy, (matrix.joined(stack, x.shape, size), x))
    )
