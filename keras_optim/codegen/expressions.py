"""Graphs of items -> one function that works through all of them in place: its names.

Items whose graphs differ in numbers alone are done by the same text, a *body*; the numbers come
in tables, so that the text is that of the function, whatever its settings (but for which of them
are equal: equal numbers are one).

What needs a reduction waits for it: the function is a row of *passes* over the elements, each but
the last ending in reductions; `schedule` says what each does. `loops` writes them down, `on_cpu`
and `on_cuda` say how they follow each other, and who does what.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import torch

from keras_optim.codegen.graph import Graph, Refused, Spread
from keras_optim.codegen.grouping import SHARED, Body, Layout
from keras_optim.codegen.indexing import at_name, joined
from keras_optim.codegen.operations import OPERATIONS
from keras_optim.codegen.schedule import Plan

C_TYPES = {
    torch.float32: "float",
    torch.float64: "double",
    torch.int32: "int64_t",
    torch.int64: "int64_t",
    torch.bool: "int",
}
"""What a number is computed in."""
MEMORY = {**C_TYPES, torch.int32: "int32_t"}
"""What it is kept in."""
NOTHING: Mapping[int, str] = MappingProxyType({})


@dataclass(frozen=True)
class Text:
    """A function, and what its tables must hold."""

    source: str
    arrays: list[str]
    """Names of the pointers that each item has."""
    shared: list[str]
    """Names of the pointers to what is shared."""
    constants: list[float]
    """Numbers that are the same for all items."""
    parameters: list[list[float]]
    """Numbers of each item."""
    bodies: list[int]
    """The text that does each item."""
    reductions: int
    """How many reductions to one number an item has at most."""
    partial_reductions: list[list[Spread]]
    """The axes that are left by each of an item's reductions over some of its axes."""
    kept: list[list[Spread]]
    """The axes of what is kept for each place of some of its axes, beside these."""
    parts: int
    """How many of both one item has at most."""
    axes: int
    """How many axes of an item the function asks for, counted from the last."""
    totals: int
    """How many sums over all items there are."""
    phases: tuple[str, ...] = ()
    """Of several functions called one after the other: who takes part in each."""

    def addresses(
        self, items: Sequence[Mapping[str, torch.Tensor]], leading: str
    ) -> dict[str, list[int]]:
        """Return where the arrays of items are, all but the leading one; 0 if an item has none."""
        return {
            name: [arrays[name].data_ptr() if name in arrays else 0 for arrays in items]
            for name in self.arrays
            if name != leading
        }


class Names:
    """What everything is called and how it is computed, on each kind of device.

    Raises:
        Refused: items disagree about what they share, or numbers are of an unknown type.
    """

    REDUCED: ClassVar[str]
    """The expression of the reduction `{op}` with the place `{place}` of item `i`."""
    EARLY = False
    """Whether a pass stores what it can, and there is a place to keep numbers of some axes."""

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
        self.arrays = {node.name: node.dtype for node in nodes if node.op == "array"}
        self.shared = {node.name: node.dtype for node in nodes if node.op == "shared"}
        for node in nodes:
            if node.op == "array" and self.arrays[node.name] != node.dtype:
                raise Refused(f"{node.name} has several types")
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
                raise Refused("what all items share would be that of one of them")
            if self._new_shared(body) != first:
                raise Refused("items disagree about what they share")

    def _new_shared(self, body: Body) -> dict[str, str]:
        return {name: self.names[body][i] for name, i in body.shared.items()}

    # ---- names and expressions

    def _names(self, body: Body) -> list[str]:
        """What each node is called; what all bodies share is written down here."""
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
            at = at_name(node.spread) if node.partial else "j" if node.element else "0"
            return f"{node.name}_p[{at}]"
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
        """Reductions over some axes, and what is kept beside them."""
        return [*body.partial_reductions, *self.plans[body].kept]

    def _part(self, body: Body, i: int) -> int:
        """The place of one of these."""
        return self._of_parts(body).index(i)

    # ---- what is to be kept with it

    def text(self, source: str, phases: tuple[str, ...] = ()) -> Text:
        """What is to be kept, with the function that a subclass has put together."""
        of_items = [self.layout.bodies[number] for number in self.layout.body_of]
        return Text(
            source=source,
            arrays=list(self.arrays),
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
        """Numbers that are the same for all items."""
        return joined(f"const double {c} = constants[{c[1:]}];" for c in self.constants.values())


def _spreads(body: Body, nodes: Sequence[int]) -> list[Spread]:
    return [body.nodes[i].spread for i in nodes]


def c_type(dtype: torch.dtype) -> str:
    """What a number of the type is computed in."""
    if dtype not in C_TYPES:
        raise Refused(f"numbers of the type {dtype}")
    return C_TYPES[dtype]


def memory_type(dtype: torch.dtype) -> str:
    """What an array of the type holds."""
    if dtype not in MEMORY or dtype == torch.bool:
        raise Refused(f"an array of the type {dtype}")
    return MEMORY[dtype]


def _type(body: Body, i: int) -> torch.dtype:
    node = body.nodes[i]
    return torch.float64 if node.op == "literal" else node.dtype


def _converted(name: str, old: torch.dtype, new: torch.dtype) -> str:
    if c_type(old) == c_type(new):
        return name
    return f"({name} != 0)" if new == torch.bool else f"({c_type(new)}){name}"
