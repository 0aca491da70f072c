"""Expressions of a kernel: the C names and values of all nodes of the items' graphs.

Items whose graphs differ only in numbers share one text, a *body*. The numbers come in tables. So
the source does not depend on a function's settings, only on which of them are equal, because equal
numbers become one.

The kernel is a sequence of *passes* over the elements. Each but the last ends in reductions, and
nodes that need their results come in a later pass. `schedule` plans the passes, and `loops` writes
them. `cpu_source` and `cuda_source` order them and divide them among threads.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import torch

from keras_optim.codegen.graph import Graph, Node, Refused, Spread
from keras_optim.codegen.grouping import SHARED, Body, Layout
from keras_optim.codegen.halves import DTYPES, FUNCTIONS, RANDOM
from keras_optim.codegen.indexing import at_name, joined
from keras_optim.codegen.operations import OPERATIONS
from keras_optim.codegen.schedule import Plan

C_TYPES = {
    torch.float32: "float",
    torch.float64: "double",
    torch.int32: "int64_t",
    torch.int64: "int64_t",
    torch.bool: "int",
    **dict.fromkeys(DTYPES, "float"),
}
"""The C type in which numbers of a dtype are computed."""
MEMORY = {**C_TYPES, torch.int32: "int32_t", **dict.fromkeys(DTYPES, "uint16_t")}
"""The C type in which arrays of a dtype are stored."""
NOTHING: Mapping[int, str] = MappingProxyType({})


@dataclass(frozen=True)
class Text:
    """The source of a kernel, and the contents of its tables."""

    source: str
    arrays: list[str]
    """Names of the arrays of an item."""
    shared: list[str]
    """Names of the shared numbers."""
    constants: list[float]
    """Numbers that are the same for all items."""
    parameters: list[list[float]]
    """Numbers of each item."""
    bodies: list[int]
    """The number of the body of each item."""
    reductions: int
    """The most reductions to one number that an item has."""
    partial_reductions: list[list[Spread]]
    """For each item, the axes that each reduction over some of its axes leaves."""
    kept: list[list[Spread]]
    """For each item, the axes of each node that is kept beside these reductions."""
    parts: int
    """The most partial reductions and kept nodes that an item has."""
    axes: int
    """The number of axes of an item that the kernel asks for, counted from the last."""
    totals: int
    """The number of sums over all items."""
    phases: tuple[str, ...] = ()
    """On CUDA, which blocks take part in each launch."""

    def addresses(
        self, items: Sequence[Mapping[str, torch.Tensor]], leading: str
    ) -> dict[str, list[int]]:
        """Return the addresses of all arrays but the leading one; 0 if an item lacks the array."""
        return {
            name: [arrays[name].data_ptr() if name in arrays else 0 for arrays in items]
            for name in self.arrays
            if name != leading
        }


class Names:
    """C names and expressions of all nodes, the same on each kind of device.

    Raises:
        Refused: items give a shared number different new values, or a dtype is unknown.
    """

    REDUCED: ClassVar[str]
    """The expression of the reduction `{op}` with the place `{place}` of item `i`."""
    EARLY = False
    """Whether a pass stores new values as soon as it can, and keeps nodes of some axes."""

    def __init__(self, graphs: Sequence[Graph], leading: str):
        self.layout = layout = Layout(graphs)
        self.leading = leading
        self.parameters = [
            [graph.literals[i] for i in layout.bodies[number].varying]
            for graph, number in zip(graphs, layout.body_of, strict=True)
        ]
        self.width = max(map(len, self.parameters))
        self.reductions = max(len(body.reductions) for body in layout.bodies)
        self.plans = {body: Plan(body, layout.passes, self.EARLY) for body in layout.bodies}
        self.parts = max(len(self._of_parts(body)) for body in layout.bodies)
        self.axes = max(1, *(body.axes for body in layout.bodies))
        nodes = [node for body in layout.bodies for node in body.nodes]
        self.ops = sorted({node.op for node in nodes if node.reduces})
        """Kinds of reductions."""
        self.arrays = list(dict.fromkeys(node.name for node in nodes if node.op == "array"))
        """The names of the arrays of all items. Items may keep one name in different dtypes."""
        self.shared = {node.name: node.dtype for node in nodes if node.op == "shared"}
        if any(dtype in DTYPES for dtype in self.shared.values()):
            raise Refused("a shared number in half precision")
        for name in (*self.arrays, *self.shared):
            if not (name.isidentifier() and name.isascii()):
                raise Refused(f"{name!r} is no name in C")
        self.constants: dict[str, str] = {}
        self.expressions: dict[str, str] = {}
        self.shared_lines: list[tuple[int, str]] = []
        self.names = {body: self._names(body) for body in layout.bodies}
        self._check_shared()

    def _check_shared(self) -> None:
        first = self._new_shared(self.layout.bodies[0])
        for body in self.layout.bodies:
            if any(body.levels[i] != SHARED for i in body.shared.values()):
                raise Refused("a new shared number depends on one of the items")
            if self._new_shared(body) != first:
                raise Refused("items give a shared number different new values")

    def _new_shared(self, body: Body) -> dict[str, str]:
        return {name: self.names[body][i] for name, i in body.shared.items()}

    # ---- names and expressions

    def _names(self, body: Body) -> list[str]:
        """Return the name of each node, and declare the nodes that all bodies share."""
        names: list[str] = []
        for i, node in enumerate(body.nodes):
            if node.op == "total":
                name = f"total{body.totals.index(i)}"
            elif i in body.varying:
                name = f"q{body.varying[i]}"
            elif node.op == "literal":
                name = self.constants.setdefault(repr(body.literals[i]), f"c{len(self.constants)}")
            elif body.levels[i] == SHARED:
                expression = self._expression(body, i, names)
                if expression not in self.expressions:
                    self.expressions[expression] = name = f"u{len(self.expressions)}"
                    line = f"const {c_type(node.dtype)} {name} = {expression};"
                    self.shared_lines.append((body.depths[i], line))
                name = self.expressions[expression]
            else:
                name = f"v{i}"
            names.append(name)
        return names

    def _expression(self, body: Body, i: int, names: Sequence[str]) -> str:
        node = body.nodes[i]
        if node.op == "shared":
            return f"*({memory_type(node.dtype)} *)shared[{list(self.shared).index(node.name)}]"
        if node.op == "array":
            return self._loaded(body, node.name, _place(node))
        if node.op in RANDOM:
            x, *keys = (names[k] for k in node.operands)
            keys = [f"(uint32_t){key}" for key in (*keys, _place(node))]
            return f"random_{DTYPES[node.dtype]}((float){x}, random_bits({', '.join(keys)}))"
        if node.reduces and node.partial:
            return f"part_{self._part(body, i)}[{at_name(node.spread)}]"
        if node.reduces:
            return self.REDUCED.format(op=node.op, place=body.reductions.index(i))
        target = node.computed_in or node.dtype
        types = [target] * len(node.operands)
        if node.op == "where":
            types[0] = torch.bool
        operands = [
            _converted(names[k], _type(body, k), dtype)
            for k, dtype in zip(node.operands, types, strict=True)
        ]
        if node.op == "cast":
            return operands[0]
        ending = "f" if target == torch.float32 else ""
        return OPERATIONS[node.op].text.format(*operands, f=ending)

    def _loaded(self, body: Body, name: str, at: str) -> str:
        """Return the number of an array."""
        dtype, element = body.dtypes[name], self._element(body, name, at)
        converts = dtype in DTYPES and name not in self._buffers(body)
        return f"from_{DTYPES[dtype]}({element})" if converts else element

    def _element(self, body: Body, name: str, at: str) -> str:
        """Return the place of a number of an array."""
        return f"{name}_b[j - from]" if name in self._buffers(body) else f"{name}_p[{at}]"

    def _buffers(self, body: Body) -> Sequence[str]:
        """Return the arrays that are converted block by block, before and after each loop."""
        return ()

    def _kept(self, body: Body, i: int, name: str) -> str:
        """Return a node as an array holds it."""
        dtype = body.dtypes[name]
        if dtype not in DTYPES:
            return self._operand(body, i, dtype)
        node = body.nodes[i]
        if node.op == "cast" and _type(body, node.operands[0]) not in DTYPES:
            i = node.operands[0]  # it is rounded once
        value = self._operand(body, i, torch.float32)
        return value if name in self._buffers(body) else f"to_{DTYPES[dtype]}({value})"

    def _halves(self, qualifiers: str) -> str:
        """Return the functions for half precision, if it occurs."""
        nodes = (node for body in self.layout.bodies for node in body.nodes)
        found = any(node.dtype in DTYPES for node in nodes)
        return FUNCTIONS.format(qualifiers=qualifiers) if found else ""

    def _operand(self, body: Body, i: int, dtype: torch.dtype) -> str:
        return _converted(self.names[body][i], _type(body, i), dtype)

    def _lines(
        self, body: Body, level: int, nodes: Sequence[int], loads: Mapping[int, str] = NOTHING
    ) -> list[str]:
        return [
            f"const {c_type(body.nodes[i].dtype)} v{i} = "
            f"{loads.get(i) or self._expression(body, i, self.names[body])};"
            for i in nodes
            if body.levels[i] == level and body.nodes[i].op != "literal"
        ]

    def _of_parts(self, body: Body) -> list[int]:
        """Return the parts of a body: reductions over some axes, and nodes kept beside them."""
        return [*body.partial_reductions, *self.plans[body].kept]

    def _part(self, body: Body, i: int) -> int:
        """Return the index of a node among the parts."""
        return self._of_parts(body).index(i)

    # ---- the source and its tables

    def text(self, source: str, phases: tuple[str, ...] = ()) -> Text:
        """Return the source, which a subclass has written, with the contents of its tables."""
        of_items = [self.layout.bodies[number] for number in self.layout.body_of]
        return Text(
            source=source,
            arrays=self.arrays,
            shared=list(self.shared),
            constants=[float(text) for text in self.constants],
            parameters=[row + [0.0] * (self.width - len(row)) for row in self.parameters],
            bodies=self.layout.body_of,
            reductions=self.reductions,
            partial_reductions=[_spreads(body, body.partial_reductions) for body in of_items],
            kept=[_spreads(body, self.plans[body].kept) for body in of_items],
            parts=self.parts,
            axes=self.axes,
            totals=len(self.layout.totals),
            phases=phases,
        )

    def constant_lines(self) -> str:
        """Declare the numbers that are the same for all items."""
        return joined(f"const double {c} = constants[{c[1:]}];" for c in self.constants.values())


def _spreads(body: Body, nodes: Sequence[int]) -> list[Spread]:
    return [body.nodes[i].spread for i in nodes]


def c_type(dtype: torch.dtype) -> str:
    """Return the C type in which numbers of the dtype are computed."""
    if dtype not in C_TYPES:
        raise Refused(f"numbers of the type {dtype}")
    return C_TYPES[dtype]


def memory_type(dtype: torch.dtype) -> str:
    """Return the C type in which arrays of the dtype are stored."""
    if dtype not in MEMORY or dtype == torch.bool:
        raise Refused(f"an array of the type {dtype}")
    return MEMORY[dtype]


def _place(node: Node) -> str:
    """Return the offset of an array's number."""
    return at_name(node.spread) if node.partial else "j" if node.element else "0"


def _type(body: Body, i: int) -> torch.dtype:
    node = body.nodes[i]
    return torch.float64 if node.op == "literal" else node.dtype


def _converted(name: str, old: torch.dtype, new: torch.dtype) -> str:
    if new in DTYPES and old != new:
        return f"from_{DTYPES[new]}(to_{DTYPES[new]}((float){name}))"
    if c_type(old) == c_type(new):
        return name
    return f"({name} != 0)" if new == torch.bool else f"({c_type(new)}){name}"
