"""The axes of an item: spreads of shapes, and shapes of spreads."""

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
        """Find how far a tensor of as many axes spreads, or one of a single number.

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
            raise Refused(f"something has the shape {shape}, beside {self.shape}")
        return spread

    def spread_of_array(self, shape: Sequence[int]) -> Spread:
        """Find how far an array that comes with the item spreads.

        One with as many elements lies like the item. A vector as long as one of the axes lies along
        one such axis, which is unknown at first: where the axes are as long as each other, only
        the use tells.
        """
        if tuple(shape) == self.shape or math.prod(shape) == math.prod(self.shape) != 1:
            return ELEMENT
        if len(shape) == 1 < len(self.shape) and shape[0] != 1 and shape[0] in self.shape:
            self._vectors += 1
            return frozenset([self._vectors])
        return self.spread_of(shape)

    def shape_of(self, spread: Spread) -> tuple[int, ...]:
        """Return the shape, with all axes, of what spreads so far."""
        if spread == ELEMENT:
            return self.shape
        axes = range(-len(self.shape), 0)
        return tuple(n if a in spread else 1 for a, n in zip(axes, self.shape, strict=True))

    def united(self, spreads: Sequence[Spread]) -> Spread:
        """Find how far something spreads that is made of things that spread so far."""
        union = frozenset().union(*spreads)
        return ELEMENT if union >= ELEMENT or union == self.long != NUMBER else union

    def without(self, spread: Spread, over: Any) -> Spread:
        """Take some axes, or one, counted from either end, out of a spread."""
        rank = len(self.shape)
        gone = {a % rank - rank for a in ([over] if isinstance(over, int) else over)}
        return (self.long if spread == ELEMENT else spread) - gone

    def fits(self, value: Any, its: Spread, result: torch.Tensor, spread: Spread) -> bool:
        """Whether an operand lies along the result, place by place."""
        if not result.numel() or (its == spread and value.shape == result.shape):
            return True
        padded = (*[1] * (result.dim() - value.dim()), *value.shape)
        return (padded, tuple(result.shape)) == (self.shape_of(its), self.shape_of(spread))

    def some_axis(self, length: int) -> Spread:
        """Return an axis of this length: which one makes no difference to the caller."""
        return frozenset([self.shape.index(length) - len(self.shape)])
