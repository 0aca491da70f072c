"""The parent of rules that see kernels as stacks of blocks, those of several variables at once."""

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any

from keras import ops

from keras_optim.algorithms.grouping import groups
from keras_optim.engine.distribution import on_whole_tensors
from keras_optim.matrix import block_shape, blocks, is_matrix, joined
from keras_optim.optimizer import Optimizer, Slots, Tensor

Directed = tuple[Tensor, Slots]


class Blockwise(Optimizer):
    """Abstract parent: a kernel is the matrix of its inputs and outputs, cut into blocks.

    On PyTorch small blocks of equal shape, of all variables, are one stack: fewer operations are
    called. A child writes `stepped` for stacks, and `vector` for scalars and vectors.
    `stacked` are the names of slots that are stacks, and `shaped` of those that have the shape of
    the variable, which `stepped` sees as stacks.
    """

    block_size: int
    stacked: tuple[str, ...] = ()
    shaped: tuple[str, ...] = ()
    elementwise = False

    def stepped(self, g: Tensor, s: Slots, t: Tensor) -> Directed:
        """Return the directions of a stack of blocks, and their new slots."""
        raise NotImplementedError(f"{type(self).__name__} must define `stepped`.")

    def vector(self, g: Tensor, s: Slots, t: Tensor) -> Directed:
        """Return the direction of a scalar or vector, and its new slots."""
        raise NotImplementedError(f"{type(self).__name__} must define `vector`.")

    def together(self, gs: Sequence[Tensor], ss: Sequence[Any], t: Tensor) -> Sequence[Any]:
        found = list(ss)
        for group in groups(gs, self._stack_of):
            directed = self._directed([gs[i] for i in group], [ss[i] for i in group], t)
            for i, one in zip(group, directed, strict=True):
                found[i] = {**ss[i], "directed": one}
        return found

    @on_whole_tensors
    def directed(self, g: Tensor, s: Slots, t: Tensor) -> Directed:
        """Return the direction of a variable, and its new slots."""
        if "directed" in s:
            return s["directed"]
        return self._directed([g], [s], t)[0] if is_matrix(g) else self.vector(g, s, t)

    def _stack_of(self, i: int, g: Tensor) -> tuple[Any, int] | None:
        """Return the kind of the blocks of a kernel, and how many numbers its largest slot has."""
        if not is_matrix(g):
            return None
        down, across, *sides = block_shape(tuple(g.shape), self.block_size)
        return tuple(sides), down * across * max(sides) ** 2

    def _directed(self, gs: Sequence[Tensor], ss: Sequence[Any], t: Tensor) -> list[Directed]:
        """Return the directions of several kernels with blocks of one shape, and new slots."""
        shapes = [tuple(g.shape) for g in gs]

        def one_stack(stacks: Sequence[Tensor]) -> Tensor:
            return stacks[0] if len(stacks) == 1 else ops.concatenate(stacks, axis=0)

        def cut(xs: Sequence[Tensor]) -> Tensor:
            return one_stack([blocks(x, self.block_size) for x in xs])

        s = {name: one_stack([s[name] for s in ss]) for name in self.stacked}
        s |= {name: cut([s[name] for s in ss]) for name in self.shaped}
        direction, new = self.stepped(cut(gs), s, t)
        counts = [down * across for down, across, *_ in map(self._block_shape, shapes)]
        ends = [0, *accumulate(counts)]

        def of_each(name: str | None, stack: Tensor) -> list[Tensor]:
            parts = [stack] if len(gs) == 1 else [stack[a:b] for a, b in pairwise(ends)]
            if name in self.stacked:
                return parts
            pairs = zip(parts, shapes, strict=True)
            return [joined(part, shape, self.block_size) for part, shape in pairs]

        slots = {name: of_each(name, stack) for name, stack in new.items()}
        return [
            (one, {name: parts[k] for name, parts in slots.items()})
            for k, one in enumerate(of_each(None, direction))
        ]

    def _block_shape(self, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
        return block_shape(shape, self.block_size)
