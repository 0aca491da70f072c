"""Axes of an item: the spread of a shape, and the shape of a spread."""

import math
from collections.abc import Sequence
from typing import Any

import torch

from keras_optim.codegen.graph import ELEMENT, NUMBER, Refused, Spread


class Axes:
    """The axes of an array, counted from the last: -1, -2, ...

    Attributes:
        shape: Of the array.
        long: The axes along which something can differ.
    """

    def __init__(self, shape: Sequence[int]):
        self.shape = tuple(shape)
        self.long = frozenset(a - len(shape) for a, n in enumerate(shape) if n != 1)
        self._vectors = 0

    def spread_of(self, shape: Sequence[int]) -> Spread:
        """Return the spread of a tensor that has as many axes as the array, or one number.

        Raises:
            Refused: no part of the array has this shape.
        """
        shape = tuple(shape)
        if shape == self.shape:
            return ELEMENT if shape else NUMBER
        if math.prod(shape) == 1:
            return NUMBER
        spread = frozenset(a - len(shape) for a, n in enumerate(shape) if n != 1)
        if shape != self.shape_of(spread):
            raise Refused(f"a tensor has the shape {shape}, beside {self.shape}")
        return spread

    def spread_of_array(self, shape: Sequence[int]) -> Spread:
        """Return the spread of an array that belongs to the item.

        An array of as many elements has one for each element. A vector lies along an axis of its
        length. That axis is unknown at first, because only its use tells apart two axes of one
        length.
        """
        if tuple(shape) == self.shape or math.prod(shape) == math.prod(self.shape) != 1:
            return ELEMENT
        if len(shape) == 1 < len(self.shape) and shape[0] != 1 and shape[0] in self.shape:
            self._vectors += 1
            return frozenset([self._vectors])
        return self.spread_of(shape)

    def shape_of(self, spread: Spread) -> tuple[int, ...]:
        """Return the shape, with all axes, of a tensor of this spread."""
        if spread == ELEMENT:
            return self.shape
        axes = range(-len(self.shape), 0)
        return tuple(n if a in spread else 1 for a, n in zip(axes, self.shape, strict=True))

    def united(self, spreads: Sequence[Spread]) -> Spread:
        """Return the spread of the result of an operation on operands of these spreads."""
        union = frozenset().union(*spreads)
        return ELEMENT if union >= ELEMENT or union == self.long != NUMBER else union

    def without(self, spread: Spread, over: Any) -> Spread:
        """Remove an axis or several, counted from either end, from a spread."""
        rank = len(self.shape)
        gone = {a % rank - rank for a in ([over] if isinstance(over, int) else over)}
        return (self.long if spread == ELEMENT else spread) - gone

    def fits(self, value: Any, its: Spread, result: torch.Tensor, spread: Spread) -> bool:
        """Whether each element of the operand is at its place beside the result's."""
        if not result.numel() or (its == spread and value.shape == result.shape):
            return True
        padded = (*[1] * (result.dim() - value.dim()), *value.shape)
        return (padded, tuple(result.shape)) == (self.shape_of(its), self.shape_of(spread))

    def some_axis(self, length: int) -> Spread:
        """Return the first axis of this length, for a caller to whom any of them will do."""
        return frozenset([self.shape.index(length) - len(self.shape)])
