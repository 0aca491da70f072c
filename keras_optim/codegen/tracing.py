"""Traces of pure functions: one run on stand-ins finds the graph of operations.

A stand-in has the shape and the dtype of a tensor, but no numbers. So a function may decide by
shapes, while one that decides by numbers is refused.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from keras_optim.codegen.graph import ELEMENT, NUMBER, Graph, Node, Refused, unknown
from keras_optim.codegen.halves import DTYPES, MOVES, RANDOM
from keras_optim.codegen.nodes import Nodes
from keras_optim.codegen.operations import FILLED, OPERATIONS, POWERS, REDUCED, SAME
from keras_optim.codegen.stand_in import Traced

Function = Callable[
    [Mapping[str, Any], Mapping[str, Any], Any, Callable[[Any], Any]],
    tuple[Mapping[str, Any], Mapping[str, Any]],
]
"""`(arrays, shared, constants, total) -> (new arrays, new shared)`, pure. An array or a number
that it does not return stays as it is. `total` sums a number over all items."""


def trace(
    function: Function,
    arrays: Mapping[str, torch.Tensor],
    shared: Mapping[str, torch.Tensor],
    constants: Any,
    leading: str,
) -> Graph:
    """Return the graph of `function` for one item.

    Args:
        function: See `Function`.
        arrays: The tensors of the item: of the shape of `leading`, of one element, or with a
            length for some of its axes only.
        shared: Tensors of one number that all items see.
        constants: Handed to `function` unchanged.
        leading: The name of the array whose shape the others follow.

    Raises:
        Refused: it cannot be written as elementwise operations and reductions.
    """
    graph = Graph()
    tracer = _Tracer(graph, tuple(arrays[leading].shape))
    inputs = {name: tracer.array(name, value) for name, value in arrays.items()}
    numbers = {name: tracer.input("shared", name, value) for name, value in shared.items()}
    try:
        with tracer:
            new_arrays, new_shared = function(inputs, numbers, constants, tracer.total)
    except Refused:
        raise
    except Exception as error:  # stand-ins are no real tensors, so the function may fail anywhere
        raise Refused(f"{type(error).__name__}: {error}") from error
    for name, value in new_arrays.items():
        graph.arrays[name] = tracer.new_array(name, value, arrays[name])
    for name, value in new_shared.items():
        graph.shared[name] = tracer.output(value, shared[name])
    tracer.place_the_rest(arrays)
    if any(node.partial and node.spread != {-1} for node in graph.nodes):
        graph.axes = len(tracer.axes.shape)
    return graph


class _Tracer(Nodes):
    """The operations of a function, as nodes."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = func._schema.name.removeprefix("aten::").removeprefix("keras_optim::")
        if name == "lift_fresh" and not isinstance(args[0], Traced):
            return self.number(args[0])
        if name == "_local_scalar_dense":
            node = self.operand(args[0])
            if node in self.graph.literals:
                return self.graph.literals[node]
            raise Refused("the function decides by the numbers in a tensor")
        if not isinstance(func, torch._ops.OpOverload) or func._schema.is_mutable:
            raise Refused(f"{name} works in place")

        def meta(value: Any) -> Any:
            if not isinstance(value, torch.Tensor):
                return value
            self.operand(value)
            return torch.empty(value.shape, dtype=value.dtype, device="meta")

        if "device" in kwargs:
            kwargs = {**kwargs, "device": "meta"}
        metas = [meta(value) for value in args]
        result = func(*metas, **kwargs)
        if not isinstance(result, torch.Tensor):
            raise Refused(f"{name} has several results")
        if name in FILLED:
            return self.filled(name, args, result)
        if name in SAME:
            return self.same(name, args[0], result)
        if name in REDUCED:
            return self.reduce(name, args, result)
        if name in ("all", "any"):
            return self.quantified(name, args, result)
        if name in RANDOM:
            return self.random(name, args, result)
        if name == "clamp":
            return self.clamp(args, kwargs, result)
        return self.operation(name, args, kwargs, metas, result)

    def number(self, value: torch.Tensor) -> Traced:
        """Return the stand-in for a tensor that the function made from a Python number."""
        if value.numel() != 1:
            raise Refused("the function creates a tensor of many numbers")
        node = self.literal(value.item(), value.dtype)
        return Traced(torch.empty(value.shape, dtype=value.dtype, device="meta"), node)

    def filled(self, name: str, args: Sequence[Any], result: torch.Tensor) -> Traced:
        position = FILLED[name]
        value = position if isinstance(position, float) else args[int(position)]
        if isinstance(value, Traced):
            raise Refused(f"{name} with a computed number")
        if name.endswith("_like"):
            spread = self.graph.nodes[args[0].node].spread
        else:
            spread = self.axes.spread_of(result.shape)
        return self.traced(Node("literal", (), result.dtype, spread), result, float(value))

    def same(self, name: str, value: Traced, result: torch.Tensor) -> Traced:
        """Return the same numbers in another shape or dtype."""
        node = self.graph.nodes[value.node]
        if result.numel() != value.numel():
            if node.spread != NUMBER or tuple(result.shape) != self.axes.shape:
                raise Refused(f"{name} to the shape {tuple(result.shape)}")
            return self.traced(Node("cast", (value.node,), result.dtype, ELEMENT), result)
        if unknown(node.spread) and result.dim() == len(self.axes.shape):
            self.graph.place(node.spread, self.axes.spread_of(result.shape))
        return Traced(result, self.cast(value.node, result.dtype))

    def reduce(self, name: str, args: Sequence[Any], result: torch.Tensor) -> Traced:
        value = args[0]
        if not result.dtype.is_floating_point:
            raise Refused(f"{name} of integers")
        if result.dtype in DTYPES:
            raise Refused(f"{name} in half precision")
        if self.nothing_to_reduce(value, result):
            return Traced(result, self.cast(value.node, result.dtype))
        node = self.reduced(name, value.node, args, result)
        reduced = self.traced(node, result)
        if name == "mean":
            size = self.literal(value.numel() / result.numel(), torch.float64)
            operands = (reduced.node, size)
            return self.traced(Node("div", operands, result.dtype, node.spread), result)
        return reduced

    def nothing_to_reduce(self, value: Traced, result: torch.Tensor) -> bool:
        one_by_one = result.numel() == value.numel() != 1
        return one_by_one or self.graph.nodes[self.operand(value)].spread == NUMBER

    def reduced(self, name: str, i: int, args: Sequence[Any], result: torch.Tensor) -> Node:
        """Return the reduction over the axes `args[1]` of the node `i`, of `args[0]`'s shape."""
        dtype = self.graph.nodes[i].dtype if result.dtype == torch.bool else result.dtype
        spread, shape = self.graph.nodes[i].spread, tuple(args[0].shape)
        if result.numel() == 1:
            return Node(REDUCED[name], (i,), dtype, NUMBER)
        if shape != self.axes.shape_of(spread):
            raise Refused(f"{name} over some axes of the shape {shape}")
        return Node(REDUCED[name], (i,), dtype, self.axes.without(spread, args[1]))

    def quantified(self, name: str, args: Sequence[Any], result: torch.Tensor) -> Traced:
        """Reduce by `any` or `all`: count the true ones, or the false ones."""
        value = args[0]
        if self.nothing_to_reduce(value, result):
            return Traced(result, self.cast(value.node, result.dtype))
        i, node = value.node, self.graph.nodes[value.node]
        if name == "all":
            wrong = Node("logical_not", (i,), torch.bool, node.spread, computed_in=node.dtype)
            i = self.graph.add(wrong)
        truth = self.cast(self.cast(i, torch.bool), torch.float32)
        count = self.reduced("sum", truth, args, result)
        operands = (self.graph.add(count), self.literal(0.0, torch.float64))
        compared = "eq" if name == "all" else "ne"
        answer = Node(compared, operands, torch.bool, count.spread, computed_in=torch.float32)
        return self.traced(answer, result)

    def random(self, name: str, args: Sequence[Any], result: torch.Tensor) -> Traced:
        """Round at random, by the place of the element."""
        value, t, number, *keys = args
        if any(isinstance(key, torch.Tensor) for key in keys):
            raise Refused(f"{name} of some elements")
        numbers = [self.operand(v) for v in (value, t, number)]
        spread = self.graph.nodes[numbers[0]].spread
        others = {self.graph.nodes[i].spread for i in numbers[1:]}
        if spread not in (NUMBER, ELEMENT) or not others <= {NUMBER, spread} or t.numel() != 1:
            raise Refused(f"{name} of some axes")
        literals = [self.literal(key, torch.float64) for key in keys[:2]]
        return self.traced(Node(name, (*numbers, *literals), result.dtype, spread), result)

    def clamp(self, args: Any, kwargs: Any, result: torch.Tensor) -> Any:
        value = args[0]
        low, high = (*args[1:], None, None)[:2]
        for name, bound in (
            ("maximum", kwargs.get("min", low)),
            ("minimum", kwargs.get("max", high)),
        ):
            if bound is not None:
                value = self.operation(name, (value, bound), {}, (), result)
        return value

    def operation(
        self, name: str, args: Sequence[Any], kwargs: Any, metas: Sequence[Any], result: Any
    ) -> Traced:
        if name == "pow" and not isinstance(args[1], torch.Tensor) and args[1] in POWERS:
            name, args = POWERS[args[1]], args[:1]
        if name not in OPERATIONS:
            raise Refused(f"{name} is an unknown operation")
        operation = OPERATIONS[name]
        operands = [self.operand(value) for value in args[: operation.arity]]
        options = {k: v for k, v in kwargs.items() if (k, v) != ("alpha", 1)}
        if options or len(args) != operation.arity:
            raise Refused(f"{name} with {len(args)} operands and the options {options}")
        self.graph.place_together([v.node for v in args if isinstance(v, Traced) and v.dim() == 1])
        nodes = [self.graph.nodes[i] for i in operands]
        spread = self.axes.united([node.spread for node in nodes])
        spreading = [(v, n.spread) for v, n in zip(args, nodes, strict=False) if n.spread]
        for value, its in spreading:
            if not self.axes.fits(value, its, result, spread):
                raise Refused(f"{name} of the shapes {tuple(value.shape)}, {tuple(result.shape)}")
        if spread == NUMBER and result.numel() != 1:
            raise Refused(f"{name} makes an array of single numbers")
        computed_in = None
        if operation.compares:
            kinds = [m for m in metas if not isinstance(m, bool)]
            computed_in = kinds[0].dtype if len(kinds) == 1 else torch.result_type(*kinds)
        if name not in MOVES and not DTYPES.keys().isdisjoint((computed_in, result.dtype)):
            raise Refused(f"{name} in half precision")
        kind = _kind(computed_in or result.dtype)
        if kind not in operation.kinds:
            raise Refused(f"{name} of {computed_in or result.dtype}")
        if name in ("remainder", "floor_divide") and not self.graph.literals.get(operands[1]):
            raise Refused(f"{name} by a number that may be zero")
        return self.traced(
            Node(name, tuple(operands), result.dtype, spread, computed_in=computed_in), result
        )


def _kind(dtype: torch.dtype) -> str:
    if dtype == torch.bool:
        return "b"
    return "f" if dtype.is_floating_point else "i"
