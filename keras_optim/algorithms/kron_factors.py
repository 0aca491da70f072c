"""Factors of Kron: how the momentum is whitened by them, and how they learn to do it.

The momentum comes as `size * unit`, with numbers of at most 1 in `unit`, so that neither large nor
small gradients leave the range of single precision.
"""

from typing import Any

from keras import ops

from keras_optim.matrix import length, top_eigenvalue, transposed, triangular_inverse
from keras_optim.numerics import bounded, larger, mean, smaller

Tensor = Any


class Diagonal:
    """The factor of a scalar or vector: a number for each weight."""

    names = ("factor",)
    axes = None

    @staticmethod
    def whitened(unit: Tensor, size: Tensor, factor: Tensor) -> Tensor:
        """Return `Q.T Q m`, for the momentum `m = size * unit`."""
        return bounded(factor * (factor * size) * unit)

    @staticmethod
    def learnt(unit: Tensor, size: Tensor, rate: float, factor: Tensor) -> tuple[Tensor, ...]:
        """Return the factor after a step of its own."""
        a, b = in_common_units(factor * size * unit, 1.0 / factor, axes=None)
        a, b = a * a, b * b
        return (factor - rate * (a - b) / ops.max(a + b) * factor,)


class Triangular:
    """The factors of a stack of matrices: an upper triangle for each side."""

    names = ("left_factor", "right_factor")
    axes = (-1, -2)

    @staticmethod
    def whitened(unit: Tensor, size: Tensor, left: Tensor, right: Tensor) -> Tensor:
        """Return `Q.T Q m` from both sides, for the momentum `m = size * unit`."""
        inner, more = in_units(left @ unit @ transposed(right), axes=(-1, -2))
        whole = smaller(size * more, 1e35)  # not infinite, for zeros in `inner`
        return bounded(whole * (transposed(left) @ inner @ right))

    @staticmethod
    def learnt(
        unit: Tensor, size: Tensor, rate: float, left: Tensor, right: Tensor
    ) -> tuple[Tensor, ...]:
        """Return both factors after a step of their own, with numbers of the same size."""
        inner, more = in_units(left @ unit @ transposed(right), axes=(-1, -2))
        inner = smaller(size * more, 1e35) * inner
        one, other = triangular_inverse(left), triangular_inverse(right)
        factors = []
        for q, a, b in (
            (left, inner, one * length(other)),
            (right, transposed(inner), other * length(one)),
        ):
            a, b = in_common_units(a, b, axes=(-1, -2))
            a, b = a @ transposed(a), transposed(b) @ b
            factors.append(q - rate * ops.triu(a - b) / top_eigenvalue(a + b) @ q)
        sizes = [ops.max(ops.abs(q), axis=(-1, -2), keepdims=True) for q in factors]
        balance = ops.sqrt(sizes[1] / sizes[0])
        return factors[0] * balance, factors[1] / balance


def in_units(x: Tensor, axes: tuple[int, ...] | None) -> tuple[Tensor, Tensor]:
    """Return `x` divided by its largest number, and that number."""
    size = ops.max(ops.abs(x), axis=axes, keepdims=True)
    return x / ops.where(size > 0.0, size, ops.ones_like(size)), size


def in_common_units(a: Tensor, b: Tensor, axes: tuple[int, ...] | None) -> tuple[Tensor, Tensor]:
    """Return both divided by the largest number of either, so that their squares are finite."""
    sizes = [ops.max(ops.abs(x), axis=axes, keepdims=True) for x in (a, b)]
    size = larger(*sizes)
    return a / size, b / size


def root_mean_square(x: Tensor, axes: tuple[int, ...] | None) -> Tensor:
    """Return the root mean square over some axes, which stay."""
    every = tuple(range(len(x.shape))) if axes is None else axes
    return ops.sqrt(mean(x * x, every))
