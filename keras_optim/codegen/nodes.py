"""Nodes of a graph while it is traced: inputs, outputs, numbers, and the stand-ins for all."""

from collections.abc import Mapping
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from keras_optim.codegen.axes import Axes
from keras_optim.codegen.graph import NUMBER, Graph, Node, Refused, Spread, unknown
from keras_optim.codegen.stand_in import Traced


class Nodes(TorchDispatchMode):
    """Nodes of the graph of one item, whose leading array has the shape `shape`."""

    def __init__(self, graph: Graph, shape: tuple[int, ...]):
        super().__init__()
        self.graph = graph
        self.axes = Axes(shape)
        self.arrays: dict[str, int] = {}
        """The node of each array."""

    # ---- inputs and outputs

    def input(self, op: str, name: str, value: torch.Tensor, spread: Spread = NUMBER) -> Traced:
        """Return the stand-in for an input."""
        return Traced(value, self.graph.add(Node(op, (), value.dtype, spread, name)))

    def array(self, name: str, value: torch.Tensor) -> Traced:
        """Return the stand-in for an array, and remember its node."""
        traced = self.input("array", name, value, self.axes.spread_of_array(value.shape))
        self.arrays[name] = traced.node
        return traced

    def new_array(self, name: str, value: Any, like: torch.Tensor) -> int:
        """Return the node of a new value, which must lie along the same axes as the array."""
        node, array = self.output(value, like), self.arrays[name]
        self.graph.place_together([node, array])
        spread = self.graph.nodes[node].spread
        if spread not in (NUMBER, self.graph.nodes[array].spread):
            raise Refused(f"the new {name} has the right shape, but lies along other axes")
        return node

    def place_the_rest(self, arrays: Mapping[str, torch.Tensor]) -> None:
        """Place each vector whose axis is still unknown along any axis of its length."""
        for name, node in self.arrays.items():
            spread = self.graph.nodes[node].spread
            if unknown(spread):
                self.graph.place(spread, self.axes.some_axis(arrays[name].numel()))

    def output(self, value: Any, like: torch.Tensor) -> int:
        """Return the node of a result, in the dtype of the value that it replaces."""
        if not isinstance(value, Traced):
            raise Refused(f"a result is no tensor but {value!r}")
        if value.shape != like.shape:
            raise Refused(f"a result has the shape {tuple(value.shape)}, not {tuple(like.shape)}")
        return self.cast(value.node, like.dtype)

    def total(self, value: Any) -> Traced:
        """Mark a number to be summed over all items."""
        node = self.operand(value)
        if self.graph.nodes[node].spread:
            raise Refused("a total of an array; sum it first")
        return self.traced(Node("total", (node,), value.dtype, NUMBER), value)

    # ---- nodes

    def traced(self, node: Node, like: torch.Tensor, literal: float | None = None) -> Traced:
        """Add a node, and return its stand-in, which has the shape of `like`."""
        return Traced(like, self.graph.add(node, literal))

    def literal(self, value: float, dtype: torch.dtype) -> int:
        """Return the node of a number."""
        return self.graph.add(Node("literal", (), dtype, NUMBER), float(value))

    def cast(self, node: int, dtype: torch.dtype) -> int:
        """Return the node of another in `dtype`."""
        old = self.graph.nodes[node]
        if old.dtype == dtype:
            return node
        return self.graph.add(Node("cast", (node,), dtype, old.spread))

    def operand(self, value: Any) -> int:
        """Return the node of a tensor or a number."""
        if isinstance(value, Traced):
            return value.node
        if isinstance(value, bool | int | float):
            return self.literal(value, torch.float64)
        if isinstance(value, torch.Tensor):
            raise Refused("the function reads a tensor that is not among its arguments")
        raise Refused(f"an operand is {type(value).__name__}")
