"""Arithmetic of matrices, and rules whose costly part runs in few steps only."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_optim
from keras_optim import matrix
from keras_optim.algorithms import shampoo
from tests.conftest import BACKEND
from tests.support.trajectories import difference, gradients, run, starts

STEPS, VALUES = gradients(steps=8), starts()


@pytest.mark.parametrize("order", [1, 2, 4])
def test_an_inverse_root_is_one(order, float64):
    random = np.random.default_rng(0)
    half = random.normal(size=(3, 6, 4))
    stack = half @ half.transpose(0, 2, 1)  # of rank 4
    root = ops.convert_to_numpy(matrix.inverse_root(ops.array(stack), order, 0.5))
    whole = np.linalg.matrix_power(root, order) @ (stack + 0.5 * np.eye(6))
    assert np.max(np.abs(whole - np.eye(6))) < 1e-12


def test_a_matrix_that_is_not_finite_has_a_root_of_zeros():
    stack = np.stack([np.eye(2), np.full((2, 2), np.nan), np.array([[np.inf, 0.0], [0.0, 1.0]])])
    roots = ops.convert_to_numpy(matrix.inverse_root(ops.array(stack), 4, 1e-12))
    np.testing.assert_allclose(roots[0], np.eye(2), rtol=1e-6)
    np.testing.assert_array_equal(roots[1:], np.zeros((2, 2, 2)))


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
def test_blocks_are_joined_again(size):
    x = ops.array(np.random.default_rng(0).normal(size=(3, 2, 5, 7)))
    stack = matrix.blocks(x, size)
    assert max(stack.shape[1:]) <= size
    np.testing.assert_array_equal(
        *map(ops.convert_to_numpy, (matrix.joined(stack, x.shape, size), x))
    )


class Counted(keras_optim.Shampoo):
    """Shampoo that says when it computes roots."""

    seen = []

    def root(self, statistic, t):
        record = Counted.seen.append
        if BACKEND == "jax":
            import jax

            jax.debug.callback(lambda t: record(int(t)), t)
        elif BACKEND == "tensorflow":
            import tensorflow as tf

            told = tf.py_function(lambda t: (record(int(t)), t)[1], [t], t.dtype)
            with tf.control_dependencies([told]):
                statistic = tf.identity(statistic)
        else:
            record(int(t))
        return super().root(statistic, t)


@pytest.mark.parametrize(
    ("options", "expected"),
    [({}, [2, 5, 8]), ({"gradient_accumulation_steps": 2}, [2])],
    ids=["each step", "accumulated"],
)
def test_roots_are_computed_in_their_steps_only(options, expected):
    Counted.seen.clear()
    optimizer = Counted(0.01, refresh_period=3, start_step=2, **options)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, use_bias=False)])
    model.compile(optimizer, "mse", jit_compile=False if BACKEND == "tensorflow" else "auto")
    x = np.random.default_rng(0).normal(size=(8, 3))
    model.fit(x, x[:, :2], batch_size=1, epochs=1, verbose=0)
    if BACKEND == "jax":
        import jax

        jax.effects_barrier()
    assert sorted(Counted.seen) == sorted(2 * expected)  # a root of each side


def test_before_its_start_it_is_the_graft():
    """Adam, or the mean of the gradient."""
    late = keras_optim.Shampoo(0.01, start_step=9, epsilon=1e-8)
    assert difference(run(late, VALUES, STEPS), run(keras_optim.Adam(0.01), VALUES, STEPS)) < 1e-6
    vectors = keras_optim.Shampoo(0.01, start_step=1, epsilon=1e-8)
    ours, adam = run(vectors, VALUES, STEPS), run(keras_optim.Adam(0.01), VALUES, STEPS)
    assert difference([x[:2] for x in ours], [x[:2] for x in adam]) < 1e-6
    assert difference([x[2:] for x in ours], [x[2:] for x in adam]) > 1e-3


def test_it_is_rotated_with_its_gradients(float64):
    """Of rows by one rotation and of columns by another: no rule of single weights is."""
    random = np.random.default_rng(1)
    left, right = (np.linalg.qr(random.normal(size=(n, n)))[0] for n in (4, 3))
    start, gs = random.normal(size=(4, 3)), [random.normal(size=(4, 3)) for _ in range(6)]

    def path(turn):
        optimizer = keras_optim.Shampoo(0.1, start_step=1, refresh_period=2, grafting="sgd")
        turned = [[left @ g @ right] if turn else [g] for g in gs]
        return run(optimizer, [left @ start @ right if turn else start], turned, dtype="float64")

    turned = [[left @ x @ right for x in xs] for xs in path(False)]
    assert difference(path(True), turned) < 1e-7


def test_the_rows_that_it_whitens():
    assert not shampoo.is_matrix(np.zeros(3)) and not shampoo.is_matrix(np.zeros((0, 3)))
    assert shampoo.is_matrix(np.zeros((1, 3)))
