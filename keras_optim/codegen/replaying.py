"""Replay of graphs in PyTorch, operation by operation: the numbers that a kernel must give.

Every value has two axes before its own: the *rounds*, for several inputs at once, and the *doubts*.
Sums and some functions differ in their last bits from one library, order or device to another. The
replay computes each result again with such values moved by a few bits, to see how much that
matters. The first of the doubts is the plain result. A result without such values has this one
alone.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from keras_optim.codegen.graph import ELEMENT, NUMBER, Graph, Node, Spread
from keras_optim.codegen.halves import RANDOM

DOUBTS = 7
"""The number of results: the plain one, and six with moved values."""
FUNCTIONS = {"pow", "exp", "expm1", "log", "log1p", "tanh", "sqrt", "rsqrt", "sigmoid"}
"""Functions that libraries round to one or two units in the last place (ulp), not correctly.
`sqrt` is one of them, because MKL computes it for PyTorch on some processors."""
OF_FUNCTIONS = 4
"""The ulp that their values are moved by: two libraries, each off by up to two."""
OF_SUMS = 64
"""The ulp of the sum of magnitudes that a sum is moved by: thousands of numbers in any order."""
Tensors = Mapping[str, torch.Tensor]
SPECIAL: dict[str, Callable[..., torch.Tensor]] = {"cube": lambda x: x.pow(3)}
"""Operations that PyTorch has under another name."""


def along(shape: Sequence[int], spread: Spread) -> tuple[int, ...]:
    """Return the shape of a value of this spread over an array of the shape `shape`."""
    axes = range(-len(shape), 0)
    return tuple(
        n if spread == ELEMENT or a in spread else 1 for a, n in zip(axes, shape, strict=True)
    )


@dataclass
class Replay:
    """Replay of one item, which stops at each total until its value is known.

    Attributes:
        graph: Its operations.
        shape: Of the leading array.
        inputs: Arrays and shared numbers, each of the shape `(rounds, 1, ...)`.
        values: Of the nodes so far.
        count: The number of values that were moved.
    """

    graph: Graph
    shape: tuple[int, ...]
    inputs: Tensors
    values: list[torch.Tensor] = field(default_factory=list)
    count: int = 0

    def go_on(self, totals: Sequence[torch.Tensor]) -> torch.Tensor | None:
        """Compute nodes until a total beyond `totals` is needed; return the item's share of it."""
        seen = sum(node.op == "total" for node in self.graph.nodes[: len(self.values)])
        for node in self.graph.nodes[len(self.values) :]:
            if node.op != "total":
                value = self._value(node)
            elif seen == len(totals):
                return self.values[node.operands[0]]
            else:
                value = totals[seen].reshape(*totals[seen].shape, *[1] * len(self.shape))
                seen += 1
            self.values.append(value)
        return None

    def result(self, i: int) -> torch.Tensor:
        """Return the value of a node, at the end."""
        return self.values[i]

    def _value(self, node: Node) -> torch.Tensor:
        place = len(self.values)
        if node.op in ("array", "shared"):
            return self.inputs[node.name]
        if node.op == "literal":
            like = next(iter(self.inputs.values()))
            found = torch.tensor(
                self.graph.literals[place], dtype=torch.float64, device=like.device
            ).to(node.dtype)
            return found.expand((1, 1, *along(self.shape, node.spread)))
        operands = [self.values[i] for i in node.operands]
        if node.op in RANDOM:
            return self._rounded(node, *operands[:3])
        if node.reduces:
            return self._reduced(operands[0].to(node.dtype), node)
        target = node.computed_in or node.dtype
        types = [target] * len(operands)
        if node.op == "where":
            types[0] = torch.bool
        operands = [v.to(dtype) for v, dtype in zip(operands, types, strict=True)]
        if node.op == "cast":
            value = operands[0]
        else:
            function = SPECIAL.get(node.op) or getattr(torch.ops.aten, node.op)
            value = function(*operands).to(node.dtype)
        value = value.expand((*value.shape[:2], *along(self.shape, node.spread)))
        if node.op in FUNCTIONS or (node.op == "div" and self._by_multiplication(node, value)):
            return moved(value, OF_FUNCTIONS * _unit(value) * value.abs(), self._next())
        return value

    def _rounded(
        self, node: Node, x: torch.Tensor, t: torch.Tensor, number: torch.Tensor
    ) -> torch.Tensor:
        """Round at random, with the numbers of the elements in the real array."""
        places = torch.arange(math.prod(self.shape), device=x.device).reshape(self.shape)
        keys = [int(self.graph.literals[i]) for i in node.operands[3:]]
        places = places if node.spread == ELEMENT else torch.zeros_like(places)
        function = getattr(torch.ops.keras_optim, node.op)
        value: torch.Tensor = function(x, t, number, *keys, places.to(torch.int32))
        return value

    def _next(self) -> int:
        """Return the number of the next moved value, so that each has moves of its own."""
        self.count += 1
        return self.count

    def _by_multiplication(self, node: Node, value: torch.Tensor) -> bool:
        """Whether PyTorch multiplies by the reciprocal, as it does on CUDA for a constant."""
        return value.is_cuda and self.graph.nodes[node.operands[1]].op == "literal"

    def _reduced(self, value: torch.Tensor, node: Node) -> torch.Tensor:
        axes = range(-len(self.shape), 0)
        over = [a for a in axes if node.spread == NUMBER or a not in node.spread]
        if node.op == "sum":
            return added(value, over, OF_SUMS, self._next())
        extreme: torch.Tensor = getattr(torch, node.op)(value, over, keepdim=True)
        return extreme if over else value


def replay(
    items: Sequence[Replay],
) -> tuple[list[dict[str, torch.Tensor]], dict[str, torch.Tensor]]:
    """Return the new arrays of all items, and the new shared numbers."""
    totals: list[torch.Tensor] = []
    while True:
        parts = [item.go_on(totals) for item in items]
        found = [part for part in parts if part is not None]
        if not found:
            break
        doubts = max(part.shape[1] for part in found)
        flat = [part.reshape(*part.shape[:2], 1).expand(-1, doubts, 1) for part in found]
        rounds = max(part.shape[0] for part in found)
        stacked = torch.cat([part.expand(rounds, -1, -1) for part in flat], -1)
        totals.append(added(stacked, [-1], OF_FUNCTIONS, len(totals))[..., 0])
    arrays = [{n: item.result(i) for n, i in item.graph.arrays.items()} for item in items]
    return arrays, {n: items[0].result(i) for n, i in items[0].graph.shared.items()}


def added(value: torch.Tensor, over: Sequence[int], units: int, number: int) -> torch.Tensor:
    """Sum over some axes, which stay with length 1, and move the result."""
    if not over:
        return value
    total = value.sum(list(over), keepdim=True)
    if not value.numel():
        return total
    size = value.abs()
    size = torch.where(size < math.inf, size, 0).sum(list(over), keepdim=True)
    by = torch.where(total.abs() < math.inf, units * _unit(value) * size, 0)
    # If the finite numbers can overflow in one order, they may not in another. So any result is
    # right, and the moved ones are infinite both ways.
    overflows = (size == math.inf) & ~value.isnan().sum(list(over), keepdim=True).bool()
    by = torch.where(overflows, math.inf, by)
    found = moved(torch.where(overflows, 0, total), by, number)
    found[:, :1] = total[:, :1]
    return found


def moved(value: torch.Tensor, by: torch.Tensor, number: int) -> torch.Tensor:
    """Return `value`, and copies of it that are moved up or down.

    Any two moved values go the same way in some doubts and opposite ways in others. So their
    effects on a result do not cancel in all doubts.
    """
    tiny = torch.finfo(value.dtype).tiny
    by = torch.where((value.abs() < tiny) & (value != 0) & (by != 0), tiny, by)
    value, by = (v.expand(v.shape[0], DOUBTS, *v.shape[2:]) for v in (value, by))
    cycle, code = divmod(number, 7)
    odd = [
        (((code + 1) & d).bit_count() + (cycle * 0x9E3779B1 >> d + 8)) % 2 for d in range(DOUBTS)
    ]
    signs = [0, *[1 - 2 * bit for bit in odd[1:]]]
    places = torch.arange(math.prod(value.shape[2:]), device=value.device)
    up = ((places * 2654435761 >> 16) % 2).reshape(value.shape[2:]) * 2 - 1  # pseudo-random
    up = up * torch.tensor(signs, device=value.device).reshape(-1, *[1] * up.dim())
    return torch.where((up == 0) | (by == 0), value, value + up * by)


def _unit(value: torch.Tensor) -> Any:
    return torch.finfo(value.dtype).eps
