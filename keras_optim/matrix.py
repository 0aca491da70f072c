"""Arithmetic of matrices that rules share: views, blocks, roots. It knows nothing of optimizers.

Products are written `a @ b`, because `keras.ops.matmul` rounds float64 to float32 on PyTorch.
"""

import math
from typing import Any

from keras import ops

Tensor = Any


def matrix_shape(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the rows and columns of a kernel as a matrix: its inputs and its outputs.

    >>> matrix_shape((3, 3, 16, 32)), matrix_shape((784, 10))
    ((144, 32), (784, 10))
    """
    return math.prod(shape[:-1]), shape[-1]


def block_shape(shape: tuple[int, ...], size: int) -> tuple[int, int, int, int]:
    """Return how many blocks of at most `size` a matrix has along each axis, and their lengths.

    Blocks of one matrix are equal, so the last may hold a few rows or columns of zeros.

    >>> block_shape((3, 3, 16, 32), 100)
    (2, 1, 72, 32)
    """
    rows, columns = matrix_shape(shape)
    down, across = -(-rows // size), -(-columns // size)
    return down, across, -(-rows // down), -(-columns // across)


def blocks(x: Tensor, size: int) -> Tensor:
    """Return a kernel as a stack of blocks, padded with zeros; see `block_shape`.

    >>> blocks(ops.ones((4, 6)), 3).shape == (4, 2, 3)
    True
    """
    rows, columns = matrix_shape(tuple(x.shape))
    down, across, height, width = block_shape(tuple(x.shape), size)
    x = ops.reshape(x, (rows, columns))
    if (down * height, across * width) != (rows, columns):
        x = ops.pad(x, [(0, down * height - rows), (0, across * width - columns)])
    x = ops.transpose(ops.reshape(x, (down, height, across, width)), (0, 2, 1, 3))
    return ops.reshape(x, (down * across, height, width))


def joined(stack: Tensor, shape: tuple[int, ...], size: int) -> Tensor:
    """Return the kernel of a `shape` whose `blocks` are `stack`.

    >>> x = ops.reshape(ops.arange(30.0), (5, 6))
    >>> bool(ops.all(joined(blocks(x, 4), (5, 6), 4) == x))
    True
    """
    rows, columns = matrix_shape(shape)
    down, across, height, width = block_shape(shape, size)
    x = ops.transpose(ops.reshape(stack, (down, across, height, width)), (0, 2, 1, 3))
    x = ops.reshape(x, (down * height, across * width))
    return ops.reshape(x[:rows, :columns], shape)


def transposed(stack: Tensor) -> Tensor:
    """Return each matrix of a stack transposed."""
    return ops.swapaxes(stack, -1, -2)


def inverse_root(stack: Tensor, order: float, epsilon: float) -> Tensor:
    r"""Return $(A + \epsilon I)^{-1/\text{order}}$ of each symmetric matrix $A \geq 0$ of a stack.

    Eigenvalues count as at least $n$ roundings of the largest, the tolerance of a numerical rank.
    A matrix with an infinite number or NaN gives zeros.

    >>> a = ops.array([[[5.0, 4.0], [4.0, 5.0]]])
    >>> [[round(float(n), 4) for n in row] for row in inverse_root(a, order=2, epsilon=1e-30)[0]]
    [[0.6667, -0.3333], [-0.3333, 0.6667]]
    """
    finite = ops.all(ops.isfinite(stack), axis=(-1, -2), keepdims=True)
    values, vectors = ops.eigh(ops.where(finite, stack, ops.zeros_like(stack)))
    least = stack.shape[-1] * rounding(stack) * ops.max(values, axis=-1, keepdims=True)
    values = ops.where(values > least, values, least) + epsilon
    powers = ops.expand_dims(values ** (-1.0 / order), -2)
    return ops.where(finite, (vectors * powers) @ transposed(vectors), ops.zeros_like(stack))


def leading_pair(x: Tensor) -> tuple[Tensor, Tensor]:
    r"""Return $u_1 v_1^\top$ and $\sigma_1$ of a kernel as a matrix: its largest singular value.

    A kernel without a number, or with an infinite one or NaN, gives zeros.

    >>> pair, value = leading_pair(ops.array([[0.0, 3.0], [-2.0, 0.0]]))
    >>> [[abs(round(float(n), 4)) for n in row] for row in pair], round(float(value), 4)
    ([[0.0, 1.0], [0.0, 0.0]], 3.0)
    """
    if 0 in x.shape:
        return ops.zeros_like(x), ops.zeros((), x.dtype)
    a = ops.reshape(x, matrix_shape(tuple(x.shape)))
    finite = ops.all(ops.isfinite(a))
    u, values, vt = ops.svd(ops.where(finite, a, ops.zeros_like(a)), full_matrices=False)
    pair = ops.reshape(u[:, :1] @ vt[:1], x.shape)
    return ops.where(finite, pair, ops.zeros_like(pair)), values[0]


def rounding(x: Tensor) -> float:
    """Return the distance from 1 to the next number in the dtype of `x`.

    >>> rounding(ops.ones(1, "float32")) == 2.0**-23
    True
    """
    return 2.0**-52 if "float64" in str(x.dtype) else 2.0**-23
