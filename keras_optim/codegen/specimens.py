"""Specimens: small tensors of every kind that a kernel was made for, and their numbers."""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from keras_optim.codegen.expressions import Text
from keras_optim.codegen.graph import Graph
from keras_optim.codegen.replaying import along

LARGE = 4250
"""The number of elements of large specimens: more than one block, on a CPU and on CUDA."""
BY_ROWS = 1001
"""The same, if a loop over rows has no blocks."""
ROUNDS = 5
"""The number of inputs: positive but for the leading array; of both signs; with very large and
small ones; with infinities and NaN; with a single infinity in each leading array."""
LENGTH = 7919
"""The number of numbers to choose from."""


@dataclass
class Item:
    """A small item, and the index of the real item that it stands for."""

    row: int
    graph: Graph
    shape: tuple[int, ...]


def items(
    text: Text, graphs: Sequence[Graph], shapes: Sequence[tuple[int, ...]], blocks_of_rows: bool
) -> tuple[list[list[Item]], list[Item]]:
    """Return a large item and a small one for each body, and a list of small ones of all bodies.

    Args:
        text: Of the kernel.
        graphs: Of all items.
        shapes: Of their leading arrays; small ones have as many axes.
        blocks_of_rows: Whether loops over rows are cut into blocks.
    """
    large, small = [], []
    for body in sorted(set(text.bodies)):
        rows = [i for i, number in enumerate(text.bodies) if number == body]
        rows = [i for i in rows if math.prod(shapes[i])] or rows
        kinds: dict[tuple[bool, ...], int] = {}
        for i in rows:
            kinds.setdefault(tuple(n != 1 for n in shapes[i]), i)
        by_axes = [i for _, i in sorted(kinds.items(), key=lambda kind: sum(kind[0]))]
        by_rows = any(node.partial for node in graphs[rows[0]].nodes)
        many = BY_ROWS if by_rows and not blocks_of_rows else LARGE
        sizes = [(by_axes[-1], many), (rows[-1], 0), *((i, 0) for i in {by_axes[0], by_axes[-1]})]
        found = [Item(i, graphs[i], _small(shapes[i], size)) for i, size in sizes]
        large.append(found[:2])
        small += found[2:]
    return large, small


def _small(shape: tuple[int, ...], elements: int) -> tuple[int, ...]:
    """Shorten a shape. Axes of length 1 stay, and the first of the others makes up the size."""
    if not math.prod(shape):
        return shape
    long = [a for a, n in enumerate(shape) if n != 1]
    lengths = [1] * len(shape)
    for place, axis in enumerate(reversed(long)):
        lengths[axis] = (5, 3)[place] if place < 2 else 2
    if long and elements:
        rest = math.prod(lengths) // lengths[long[0]]
        lengths[long[0]] = max(2, -(-elements // rest) | 1)
    elif long:
        lengths[long[-1]] = 17 if len(long) > 1 else 37
    return tuple(lengths)


class Numbers:
    """Numbers of specimens: a fixed choice, the same in every process.

    Args:
        rounds: The number of inputs, see `ROUNDS`.
        device: Of the tensors.
    """

    def __init__(self, rounds: int, device: torch.device):
        self.rounds, self.device = rounds, device
        self._given = 0

    def arrays(self, item: Item, leading: str) -> dict[str, torch.Tensor]:
        """Return the arrays of an item, each of the shape `(rounds, ...)`."""
        return {
            node.name: self._array(along(item.shape, node.spread), node.dtype, node.name == leading)
            for node in item.graph.nodes
            if node.op == "array"
        }

    def _array(self, shape: Sequence[int], dtype: torch.dtype, leads: bool) -> torch.Tensor:
        size = math.prod(shape)
        self._given = (self._given + 1013) % (LENGTH // 2)
        found = _table()[: self.rounds].repeat(1, 1 + 2 * size // LENGTH)
        found = found[:, self._given : self._given + size].clone()
        if not dtype.is_floating_point:
            found = (found.nan_to_num().abs() % 9).floor()
        elif leads:
            found[0, ::2] *= -1
            found[4:, size // 2 :][:, :1] = math.inf
        return found.reshape(self.rounds, *shape).to(dtype).to(self.device)

    def shared(self, graph: Graph) -> dict[str, torch.Tensor]:
        """Return the shared numbers, each of the shape `(rounds,)`."""
        found = {}
        for node in graph.nodes:
            if node.op == "shared":
                real = node.dtype.is_floating_point
                numbers = [0.7, 0.5, 0.0, 1.5, 0.1] if real else [6, 0, 1, 2**30, 1]
                found[node.name] = torch.tensor(
                    numbers[: self.rounds], dtype=node.dtype, device=self.device
                )
        return found


@functools.cache
def _table() -> torch.Tensor:
    """Return the numbers to choose from in each round."""
    random = torch.Generator("cpu").manual_seed(0)
    rows = torch.rand((4, LENGTH), generator=random, dtype=torch.float64, device="cpu")
    sign = torch.where(rows[0] < 0.5, -1.0, 1.0)
    signed = sign * (4 * rows[1] - 3).exp()
    extremes = [0.0, -0.0, 1e-45, -1e-40, 1e-38, 1e-30, -1e-20, 1e-8, 1.0, -1.0, 1e8, -1e15, 1e15]
    odd = [math.nan, math.inf, -math.inf, 3e38, -3e38, *extremes]

    def chosen(values: Sequence[float]) -> torch.Tensor:
        places = (rows[2] * len(values)).long()
        return torch.tensor(values, dtype=torch.float64, device="cpu")[places]

    extreme = torch.where(rows[3] < 0.5, chosen(extremes), signed)
    return torch.stack([0.5 + 1.5 * rows[1], signed, extreme, chosen(odd), signed])
