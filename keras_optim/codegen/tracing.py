"""The operations of a pure function of tensors, found by running it once on stand-ins.

A stand-in has the shape and the type of a tensor and no numbers. So what the function decides by
shapes is decided as it would be; what it decides by numbers cannot be, and is refused.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from keras_optim.codegen.graph import ELEMENT, NUMBER, Graph, Node, Refused, Spread
from keras_optim.codegen.operations import OPERATIONS, POWERS

Function = Callable[
    [Mapping[str, Any], Mapping[str, Any], Any, Callable[[Any], Any]],
    tuple[Mapping[str, Any], Mapping[str, Any]],
]
"""`(arrays, shared, constants, total) -> (new arrays, new shared)`; what is left out stays as it
is. `total` sums a number over all items. Pure."""


def trace(
    function: Function,
    arrays: Mapping[str, torch.Tensor],
    shared: Mapping[str, torch.Tensor],
    constants: Any,
    leading: str,
) -> Graph:
    """The operations of `function` for one item.

    Args:
        function: See `Function`.
        arrays: The tensors of the item: of the shape of `leading`, or of one element.
        shared: Tensors of one number that all items see.
        constants: Handed to `function` as it is.
        leading: The name of the array whose shape counts.

    Raises:
        Refused: it does what cannot be written as elementwise operations and sums.
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
    except Exception as error:  # it may do anything with what it takes for tensors
        raise Refused(f"{type(error).__name__}: {error}") from error
    for name, value in new_arrays.items():
        graph.arrays[name] = tracer.output(value, arrays[name])
    for name, value in new_shared.items():
        graph.shared[name] = tracer.output(value, shared[name])
    if any(node.partial and node.spread != {-1} for node in graph.nodes):
        graph.axes = len(tracer.shape)
    return graph


class _Traced(torch.Tensor):
    """The stand-in: shape and type, and the node that makes it."""

    node: int

    @staticmethod
    def __new__(cls, like: torch.Tensor, node: int) -> "_Traced":
        self = torch.Tensor._make_wrapper_subclass(cls, like.shape, dtype=like.dtype, device="cpu")
        self.node = node
        return self

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise Refused("a tensor was used after the function was traced")

    def __repr__(self, **kwargs: Any) -> str:
        return f"<{self.dtype} of shape {tuple(self.shape)}, node {self.node}>"


class _Tracer(TorchDispatchMode):
    def __init__(self, graph: Graph, shape: tuple[int, ...]):
        super().__init__()
        self.graph = graph
        self.shape = shape
        self.axes = frozenset(a - len(shape) for a, n in enumerate(shape) if n != 1)
        """Those along which something can differ."""

    # ---- inputs and outputs

    def input(self, op: str, name: str, value: torch.Tensor, spread: Spread = NUMBER) -> "_Traced":
        return _Traced(value, self.graph.add(Node(op, (), value.dtype, spread, name)))

    def array(self, name: str, value: torch.Tensor) -> _Traced:
        if tuple(value.shape) == self.shape or value.numel() == math.prod(self.shape) != 1:
            return self.input("array", name, value, ELEMENT)
        return self.input("array", name, value, self.spread_of(value))

    def output(self, value: Any, like: torch.Tensor) -> int:
        if not isinstance(value, _Traced):
            raise Refused(f"a result is no tensor but {value!r}")
        if value.shape != like.shape:
            raise Refused(f"a result has the shape {tuple(value.shape)}, not {tuple(like.shape)}")
        return self.cast(value.node, like.dtype)

    def total(self, value: Any) -> _Traced:
        """Mark a number to be summed over all items."""
        node = self.operand(value)
        if self.graph.nodes[node].spread:
            raise Refused("a total of an array; sum it first")
        return self.traced(Node("total", (node,), value.dtype, NUMBER), value)

    # ---- operations

    def traced(self, node: Node, like: torch.Tensor, literal: float | None = None) -> _Traced:
        return _Traced(like, self.graph.add(node, literal))

    def literal(self, value: float, dtype: torch.dtype) -> int:
        return self.graph.add(Node("literal", (), dtype, NUMBER), float(value))

    def cast(self, node: int, dtype: torch.dtype) -> int:
        old = self.graph.nodes[node]
        if old.dtype == dtype:
            return node
        return self.graph.add(Node("cast", (node,), dtype, old.spread))

    def operand(self, value: Any) -> int:
        if isinstance(value, _Traced):
            return value.node
        if isinstance(value, bool | int | float):
            return self.literal(value, torch.float64)
        if isinstance(value, torch.Tensor):
            raise Refused("the function reads a tensor that is not among its arguments")
        raise Refused(f"an operand is {type(value).__name__}")

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = func._schema.name.removeprefix("aten::")
        if name == "lift_fresh" and not isinstance(args[0], _Traced):
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
        if name in SUMS:
            return self.sum(name, args, result)
        if name in ("all", "any"):
            return self.quantified(name, args[0], result)
        if name == "clamp":
            return self.clamp(args, kwargs, result)
        return self.operation(name, args, kwargs, metas, result)

    def number(self, value: torch.Tensor) -> _Traced:
        """A tensor that the function made of a Python number."""
        if value.numel() != 1:
            raise Refused("the function makes a tensor of many numbers")
        node = self.literal(value.item(), value.dtype)
        return _Traced(torch.empty(value.shape, dtype=value.dtype, device="meta"), node)

    def filled(self, name: str, args: Sequence[Any], result: torch.Tensor) -> _Traced:
        position = FILLED[name]
        value = position if isinstance(position, float) else args[int(position)]
        if isinstance(value, _Traced):
            raise Refused(f"{name} with a computed number")
        if name.endswith("_like"):
            spread = self.graph.nodes[args[0].node].spread
        else:
            spread = self.spread_of(result)
        return self.traced(Node("literal", (), result.dtype, spread), result, float(value))

    def spread_of(self, result: torch.Tensor) -> Spread:
        shape = tuple(result.shape)
        if shape == self.shape:
            return ELEMENT if shape else NUMBER
        if result.numel() == 1:
            return NUMBER
        spread = frozenset(a - len(shape) for a, n in enumerate(shape) if n != 1)
        if shape != self.shape_of(spread):
            raise Refused(f"something has the shape {shape}, beside {self.shape}")
        return spread

    def shape_of(self, spread: Spread) -> tuple[int, ...]:
        """Of something that lies along the array as it is."""
        if spread == ELEMENT:
            return self.shape
        axes = range(-len(self.shape), 0)
        return tuple(n if a in spread else 1 for a, n in zip(axes, self.shape, strict=True))

    def united(self, spreads: Sequence[Spread]) -> Spread:
        """Of something made of things that spread so far."""
        union = frozenset().union(*spreads)
        return ELEMENT if union >= ELEMENT or union == self.axes != NUMBER else union

    def same(self, name: str, value: _Traced, result: torch.Tensor) -> _Traced:
        """The same numbers in another shape or type."""
        node = self.graph.nodes[value.node]
        if result.numel() != value.numel():
            if node.spread != NUMBER or tuple(result.shape) != self.shape:
                raise Refused(f"{name} to the shape {tuple(result.shape)}")
            return self.traced(Node("cast", (value.node,), result.dtype, ELEMENT), result)
        return _Traced(result, self.cast(value.node, result.dtype))

    def sum(self, name: str, args: Sequence[Any], result: torch.Tensor) -> _Traced:
        value = args[0]
        if not result.dtype.is_floating_point:
            raise Refused(f"{name} of whole numbers")
        if self.nothing_to_add(value, result):
            return _Traced(result, self.cast(value.node, result.dtype))
        node = self.added(name, value.node, value, result)
        summed = self.traced(node, result)
        if name == "mean":
            size = self.literal(value.numel() / result.numel(), torch.float64)
            return self.traced(Node("div", (summed.node, size), result.dtype, node.spread), result)
        return summed

    def nothing_to_add(self, value: _Traced, result: torch.Tensor) -> bool:
        one_by_one = result.numel() == value.numel() != 1
        return one_by_one or self.graph.nodes[self.operand(value)].spread == NUMBER

    def added(self, name: str, i: int, value: _Traced, result: torch.Tensor) -> Node:
        """The sum of the node `i`, which lies as `value` does, to something of another shape."""
        dtype = self.graph.nodes[i].dtype if result.dtype == torch.bool else result.dtype
        if result.numel() == 1:
            return Node("sum", (i,), dtype, NUMBER)
        if tuple(value.shape) != self.shape_of(self.graph.nodes[i].spread):
            raise Refused(f"{name} over some axes of the shape {tuple(value.shape)}")
        return Node("partial_sum", (i,), dtype, self.spread_of(result))

    def quantified(self, name: str, value: _Traced, result: torch.Tensor) -> _Traced:
        """Whether any is true, or all are: by the number of those that are true, or false."""
        if self.nothing_to_add(value, result):
            return _Traced(result, self.cast(value.node, result.dtype))
        i, node = value.node, self.graph.nodes[value.node]
        if name == "all":
            wrong = Node("logical_not", (i,), torch.bool, node.spread, computed_in=node.dtype)
            i = self.graph.add(wrong)
        truth = self.cast(self.cast(i, torch.bool), torch.float32)
        count = self.added(name, truth, value, result)
        operands = (self.graph.add(count), self.literal(0.0, torch.float64))
        compared = "eq" if name == "all" else "ne"
        answer = Node(compared, operands, torch.bool, count.spread, computed_in=torch.float32)
        return self.traced(answer, result)

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
    ) -> _Traced:
        if name == "pow" and not isinstance(args[1], torch.Tensor) and args[1] in POWERS:
            name, args = POWERS[args[1]], args[:1]
        if name not in OPERATIONS:
            raise Refused(f"{name} is no operation that is known")
        operation = OPERATIONS[name]
        operands = [self.operand(value) for value in args[: operation.arity]]
        options = {k: v for k, v in kwargs.items() if (k, v) != ("alpha", 1)}
        if options or len(args) != operation.arity:
            raise Refused(f"{name} with {len(args)} operands and the options {options}")
        nodes = [self.graph.nodes[i] for i in operands]
        spread = self.united([node.spread for node in nodes])
        spreading = [(v, n.spread) for v, n in zip(args, nodes, strict=False) if n.spread]
        for value, its in spreading:
            if not self.fits(value, its, result, spread):
                raise Refused(f"{name} of the shapes {tuple(value.shape)}, {tuple(result.shape)}")
        if spread == NUMBER and result.numel() != 1:
            raise Refused(f"{name} makes an array of numbers")
        computed_in = None
        if operation.compares:
            kinds = [m for m in metas if not isinstance(m, bool)]
            computed_in = kinds[0].dtype if len(kinds) == 1 else torch.result_type(*kinds)
        kind = _kind(computed_in or result.dtype)
        if kind not in operation.kinds:
            raise Refused(f"{name} of {computed_in or result.dtype}")
        if name in ("remainder", "floor_divide") and not self.graph.literals.get(operands[1]):
            raise Refused(f"{name} by something that may be zero")
        return self.traced(
            Node(name, tuple(operands), result.dtype, spread, computed_in=computed_in), result
        )

    def fits(self, value: Any, its: Spread, result: torch.Tensor, spread: Spread) -> bool:
        """Whether an operand lies along the result, place by place."""
        if not result.numel() or (its == spread and value.shape == result.shape):
            return True
        shapes = self.shape_of(its), self.shape_of(spread)
        return (tuple(value.shape), tuple(result.shape)) == shapes


FILLED = {
    "full_like": 1, "full": 1, "scalar_tensor": 0, "zeros_like": 0.0, "ones_like": 1.0,
    "zeros": 0.0, "ones": 1.0,
}  # fmt: skip
"""Operations that make a constant: its value, or the position of the argument that is it."""
SAME = {
    "clone", "alias", "detach", "_to_copy", "lift_fresh", "view", "_unsafe_view", "reshape",
    "unsqueeze", "squeeze", "expand",
}  # fmt: skip
SUMS = {"sum", "mean"}


def _kind(dtype: torch.dtype) -> str:
    if dtype == torch.bool:
        return "b"
    return "f" if dtype.is_floating_point else "i"
