"""Arithmetic of matrices that rules share: views, blocks, roots. It knows nothing of optimizers.

Products are written `a @ b`, because `keras.ops.matmul` rounds float64 to float32 on PyTorch.
"""

import math
from typing import Any

from keras import ops

from keras_optim.numerics import either
from keras_optim.tensors import of_matrices, reshaped

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
    if (down, across) == (1, 1):
        return reshaped(x, (1, rows, columns))
    x = reshaped(x, (rows, columns))
    if (down * height, across * width) != (rows, columns):
        x = ops.pad(x, [(0, down * height - rows), (0, across * width - columns)])
    x = ops.transpose(reshaped(x, (down, height, across, width)), (0, 2, 1, 3))
    return reshaped(x, (down * across, height, width))


def joined(stack: Tensor, shape: tuple[int, ...], size: int) -> Tensor:
    """Return the kernel of a `shape` whose `blocks` are `stack`.

    >>> x = ops.reshape(ops.arange(30.0), (5, 6))
    >>> bool(ops.all(joined(blocks(x, 4), (5, 6), 4) == x))
    True
    """
    rows, columns = matrix_shape(shape)
    down, across, height, width = block_shape(shape, size)
    if (down, across) == (1, 1):
        return reshaped(stack, shape)
    x = ops.transpose(reshaped(stack, (down, across, height, width)), (0, 2, 1, 3))
    x = reshaped(x, (down * height, across * width))
    return reshaped(x[:rows, :columns], shape)


def transposed(stack: Tensor) -> Tensor:
    """Return each matrix of a stack transposed."""
    return ops.swapaxes(stack, -1, -2)


def is_matrix(x: Tensor) -> bool:
    """Whether a kernel has rows and columns."""
    return len(x.shape) > 1 and 0 not in x.shape


def length(stack: Tensor) -> Tensor:
    """Return the norm of each matrix of a stack, of numbers of any size."""
    largest = ops.max(ops.abs(stack), axis=(-1, -2), keepdims=True)
    unit = stack / ops.where(largest > 0.0, largest, ops.ones_like(largest))
    return largest * ops.sqrt(ops.sum(unit * unit, axis=(-1, -2), keepdims=True))


def inverse_root(stack: Tensor, order: int, epsilon: float, method: str = "eigh") -> Tensor:
    r"""Return $(A + \epsilon I)^{-1/\text{order}}$ of each symmetric matrix $A \geq 0$ of a stack.

    Eigenvalues count as at least $n$ roundings of the largest, the tolerance of a numerical rank.
    A matrix with an infinite number or NaN gives zeros. `method`: `"eigh"`, or `"newton"` for
    products of matrices alone.

    >>> a = ops.array([[[5.0, 4.0], [4.0, 5.0]]])
    >>> [[round(float(n), 4) for n in row] for row in inverse_root(a, order=2, epsilon=1e-30)[0]]
    [[0.6667, -0.3333], [-0.3333, 0.6667]]
    """
    stack, finite = _finite(stack)
    if method == "newton":
        root = _newton(stack, order, epsilon)
    else:
        values, vectors = of_matrices(ops.eigh, stack)
        least = stack.shape[-1] * rounding(stack) * ops.max(values, axis=-1, keepdims=True)
        values = ops.where(values > least, values, least) + epsilon
        root = (vectors * ops.expand_dims(values ** (-1.0 / order), -2)) @ transposed(vectors)
    return ops.where(finite, root, ops.zeros_like(stack))


def _newton(stack: Tensor, order: int, epsilon: float) -> Tensor:
    r"""Return an inverse root by the coupled Newton iteration.

    From $X = z^{1/p} I$ and $M = z A$, with $z = (p + 1) / 2 \lVert A \rVert$, each step sets
    $T = (1 + 1/p) I - M/p$, $X \leftarrow X T$, $M \leftarrow T^p M$, until $M = I$ up to rounding.
    The smallest eigenvalues of $M$ grow by $(1 + 1/p)^p \geq 2$ in each, so the steps are few.
    (Iannazzo 2006; Guo and Higham 2006.)
    """
    n = stack.shape[-1]
    identity = ops.eye(n, dtype=stack.dtype)
    size = length(stack)
    a = stack + (n * rounding(stack) * size + epsilon) * identity
    z = (order + 1) / 2 / length(a)
    most = 10 - int(math.log2(rounding(stack)))

    def step(root: Tensor, m: Tensor, i: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        factor = ((order + 1) * identity - m) / order
        return root @ factor, matrix_power(factor, order) @ m, i + 1

    def far(root: Tensor, m: Tensor, i: Tensor) -> Tensor:
        error = ops.max(ops.sum(ops.abs(m - identity), axis=-1))
        return ops.logical_and(error > 4 * n * rounding(stack), i < most)

    start = (z ** (1.0 / order) * identity, z * a, ops.zeros((), "int32"))
    root, *_ = ops.while_loop(far, step, start)
    return (root + transposed(root)) / 2


def matrix_power(a: Tensor, exponent: int) -> Tensor:
    """Return the product of `exponent` factors `a`, in few products.

    >>> float(matrix_power(ops.full((1, 1), 2.0), 5)[0, 0])
    32.0
    """
    if exponent == 1:
        return a
    half = matrix_power(a @ a, exponent // 2)
    return half @ a if exponent % 2 else half


def eigenvectors(stack: Tensor) -> Tensor:
    r"""Return the eigenvectors of each symmetric matrix $A \geq 0$ of a stack, as its columns.

    They begin with that of the largest eigenvalue, and the largest component of each is positive.
    Where eigenvalues are zero up to rounding, any basis of their space has eigenvectors. Chosen
    are those of $A + \delta\, \mathrm{diag}(n, n-1, \dots, 1)$ in the limit $\delta \to 0$, so
    that every library finds the same, and an axis without numbers keeps its unit vector. A
    matrix with an infinite number or NaN counts as zeros.

    >>> a = ops.array([[[0.0, 0.0, 0.0], [0.0, 5.0, 0.0], [0.0, 0.0, 0.0]]])
    >>> ops.convert_to_numpy(eigenvectors(a)[0]).tolist()
    [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    n = stack.shape[-1]
    values, vectors = of_matrices(ops.eigh, _unit(stack))
    found = values > negligible(stack) * ops.max(values, axis=-1, keepdims=True)
    weights = ops.cast(ops.arange(n, 0, -1), stack.dtype) / n
    within = (transposed(vectors) * weights) @ vectors
    lost = ops.logical_not(ops.logical_or(found[..., :, None], found[..., None, :]))
    places = ops.where(found, 3.0 - weights, ops.zeros_like(values))  # above those in `within`
    limit = ops.where(lost, within, places[..., None] * ops.eye(n, dtype=stack.dtype))
    vectors = ops.flip(vectors @ of_matrices(ops.eigh, limit)[1], axis=-1)
    ends = [end(vectors, axis=-2, keepdims=True) for end in (ops.max, ops.min)]
    return ops.where(ends[0] + ends[1] < 0.0, -vectors, vectors)


def by_eigenvalue(stack: Tensor, basis: Tensor) -> Tensor:
    """Return the places of the columns of `basis` in the order of their estimated eigenvalues.

    The estimate is $q^T A q$, the largest comes first. Those that are zero up to rounding stay in
    their order.

    >>> a = ops.array([[[1.0, 0.0], [0.0, 2.0]]])
    >>> ops.convert_to_numpy(by_eigenvalue(a, ops.eye(2)[None])).tolist()
    [[1, 0]]
    """
    values = ops.sum(basis * (_unit(stack) @ basis), axis=-2)
    least = negligible(stack) * ops.max(values, axis=-1, keepdims=True)
    return ops.argsort(ops.where(values > least, -values, ops.zeros_like(values)), axis=-1)


def columns(stack: Tensor, places: Tensor) -> Tensor:
    """Return the columns of each matrix at these places.

    >>> x = ops.array([[[1.0, 2.0], [3.0, 4.0]]])
    >>> ops.convert_to_numpy(columns(x, ops.array([[1, 0]]))).tolist()
    [[[2.0, 1.0], [4.0, 3.0]]]
    """
    return ops.take_along_axis(stack, ops.expand_dims(places, -2), axis=-1)


def power_step(stack: Tensor, basis: Tensor) -> Tensor:
    """Return the basis after one step of power iteration: that of `A @ basis`, by QR.

    Columns that depend on those before, up to rounding, keep as much of their direction as is
    left, instead of an arbitrary one. A matrix with an infinite number or NaN leaves the basis.

    >>> a = ops.array([[[1.0, 0.0], [0.0, 0.0]]])
    >>> half = ops.array([[[1.0, -1.0], [1.0, 1.0]]]) / 2**0.5
    >>> (ops.convert_to_numpy(power_step(a, half)[0]) + 0.0).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    product = _unit(stack) @ basis
    first, triangle = of_matrices(ops.qr, product)
    sizes = ops.abs(ops.diagonal(triangle, axis1=-2, axis2=-1))
    lost = sizes <= negligible(stack) * ops.max(sizes, axis=-1, keepdims=True)
    mixed = ops.where(ops.expand_dims(lost, -2), basis, product)
    [new] = either(
        ops.any(lost),
        lambda: {"basis": of_matrices(ops.qr, mixed)[0]},
        lambda: {"basis": first},
        ["basis"],
    ).values()
    along = ops.sum(new * basis, axis=-2, keepdims=True)
    return ops.where(along < 0.0, -new, new)


def turned(stack: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """Return each matrix in other bases of its rows and columns: `left.T @ x @ right`."""
    return transposed(left) @ stack @ right


def top_eigenvalue(stack: Tensor) -> Tensor:
    """Return a bound of the largest eigenvalue of each symmetric matrix >= 0, from below.

    It is the length of the longest row after a product with the matrix, at least its own length.

    >>> round(float(top_eigenvalue(ops.array([[[2.0, 1.0], [1.0, 2.0]]]))[0, 0, 0]), 2)
    2.86
    """
    longest = ops.argmax(ops.sum(stack * stack, axis=-1, keepdims=True), axis=-2, keepdims=True)
    row = ops.take_along_axis(stack, longest, axis=-2)
    return length(row / length(row) @ stack)


def triangular_inverse(stack: Tensor) -> Tensor:
    """Return the inverse of each upper triangle."""
    identity = ops.zeros_like(stack) + ops.eye(stack.shape[-1], dtype=stack.dtype)
    return of_matrices(ops.solve_triangular, stack, identity)[0]


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


def negligible(x: Tensor) -> float:
    """Return the size, relative to the largest, up to which a number counts as zero."""
    return 16 * rounding(x)


def _finite(stack: Tensor) -> tuple[Tensor, Tensor]:
    """Return a stack with zeros for each matrix that is not finite, and which ones are finite."""
    finite = ops.all(ops.isfinite(stack), axis=(-1, -2), keepdims=True)
    return ops.where(finite, stack, ops.zeros_like(stack)), finite


def _unit(stack: Tensor) -> Tensor:
    """Return each matrix divided by its largest number, or zeros if it is not finite."""
    stack, _ = _finite(stack)
    largest = ops.max(ops.abs(stack), axis=(-1, -2), keepdims=True)
    return stack / ops.where(largest > 0.0, largest, ops.ones_like(largest))
