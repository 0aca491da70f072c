"""Graphs of operations: nodes, and how far each spreads over an array."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from keras_optim.codegen.operations import REDUCTIONS

Spread = frozenset[int]
NUMBER: Spread = frozenset()
ELEMENT: Spread = frozenset([0])
"""How far a node spreads over an array: one number, one for each element; in between, the axes
along which it differs, counted from the end: {-1} for one number in each column. While a function
is traced, {1}, {2}, ... is one axis that is not known yet."""


class Refused(Exception):
    """The function cannot be written as an elementwise loop with reductions."""


def unknown(spread: Spread) -> bool:
    """Whether a spread is one axis that is not known yet."""
    return any(axis > 0 for axis in spread)


@dataclass(frozen=True)
class Node:
    """An operation; its operands are the indices of earlier nodes.

    Besides those of `operations`: `literal` (a number), `array` and `shared` (an input), `cast`,
    `total` (a sum over all items), and those of `halves.RANDOM`. A reduction leaves the axes of its
    `spread`.
    """

    op: str
    operands: tuple[int, ...]
    dtype: torch.dtype
    spread: Spread
    name: str = ""
    """The name of an input; empty for all other nodes."""
    computed_in: torch.dtype | None = None
    """The dtype of the operands, if it is not that of the result."""

    @property
    def element(self) -> bool:
        """Whether it has a number for each element."""
        return self.spread == ELEMENT

    @property
    def partial(self) -> bool:
        """Whether it has a number for each position along some of the axes."""
        return self.spread not in (NUMBER, ELEMENT)

    @property
    def reduces(self) -> bool:
        """Whether it is a reduction."""
        return self.op in REDUCTIONS


@dataclass
class Graph:
    """The operations of one item."""

    nodes: list[Node] = field(default_factory=list)
    literals: dict[int, float] = field(default_factory=dict)
    """The values of the literal nodes."""
    arrays: dict[str, int] = field(default_factory=dict)
    """The node of each new value of an array."""
    shared: dict[str, int] = field(default_factory=dict)
    """The node of each new value of a shared number."""
    axes: int = 0
    """The number of axes of the item, if the kernel must know it; else 0."""

    @property
    def skeleton(self) -> Any:
        """The graph without the literals' values. Items of equal skeletons share one text."""
        arrays, shared = tuple(self.arrays.items()), tuple(self.shared.items())
        return tuple(self.nodes), arrays, shared, self.axes

    def add(self, node: Node, literal: float | None = None) -> int:
        """Append `node` and return its index."""
        self.nodes.append(node)
        if literal is not None:
            self.literals[len(self.nodes) - 1] = literal
        return len(self.nodes) - 1

    def place(self, old: Spread, new: Spread) -> None:
        """Move all nodes of an unknown axis to the axis that was found for it."""
        self.nodes[:] = [
            replace(node, spread=new) if node.spread == old else node for node in self.nodes
        ]

    def place_together(self, nodes: Sequence[int]) -> None:
        """Move the nodes, vectors that one operation combines, to the same axis."""
        spreads = [self.nodes[i].spread for i in nodes]
        found = sorted((spread for spread in spreads if spread != NUMBER), key=unknown)
        for spread in filter(unknown, found):
            self.place(spread, found[0])
