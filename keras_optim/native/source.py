"""Graphs of items -> the text of one function that works through all of them, in place.

Items whose graphs differ in numbers alone are done by the same text, a *body*; the numbers come
in tables, so that the text is that of the function, whatever its settings (but for which of them
are equal: equal numbers are one).

What needs a sum waits for it: the function is a row of *passes* over the elements, each but the
last ending in sums. `on_cpu` and `on_cuda` say how passes follow each other, and who does what.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import ClassVar

import torch

from keras_optim.native.layout import ELEMENT, ITEM, PARTIAL, SHARED, Body, Layout
from keras_optim.native.operations import OPERATIONS
from keras_optim.native.tracing import Graph, Refused, Spread

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
    sums: int
    """How many sums one item makes at most."""
    partial_sums: list[list[Spread]]
    """The axes of each of an item's sums over some of its axes."""
    parts: int
    """How many of these one item has at most."""
    axes: int
    """How many axes of an item the function asks for, counted from the last."""
    totals: int
    """How many sums over all items there are."""
    phases: tuple[str, ...] = ()
    """Of several functions called one after the other: who takes part in each."""


class Writer:
    """What is the same on each kind of device: names, expressions, what is stored.

    Raises:
        Refused: items disagree about what they share, or numbers are of an unknown type.
    """

    SUM: ClassVar[str]
    """The expression of the sum with the place `{place}` of item `i`."""
    LEADING = "p[i * ARRAYS + {column}]"
    """The expression of the address of the leading array of item `i`."""
    PLACE: ClassVar[str]
    """Declares `c`, the column of the element `j`, and `row`, where that is not known."""
    TO_PART: ClassVar[str]
    """Adds `{value}` to the partial sum with the place `{place}`, the number `{i}`, at `{at}`."""
    SHAPE: ClassVar[str]
    """Declares `D`, the lengths of the axes of item `i` from the last on, and `C`, the first."""
    PART: ClassVar[str]
    """Declares `part_{place}`, the partial sums with that place."""

    def __init__(self, graphs: Sequence[Graph], leading: str):
        self.layout = layout = Layout(graphs)
        self.leading = leading
        self.parameters = [
            [graph.literals[i] for i in layout.bodies[number].varying]
            for graph, number in zip(graphs, layout.body_of, strict=True)
        ]
        self.width = max(map(len, self.parameters))
        self.sums = max(len(body.sums) for body in layout.bodies)
        self.parts = max(len(body.partial_sums) for body in layout.bodies)
        self.axes = max(1, *(body.axes for body in layout.bodies))
        nodes = [node for body in layout.bodies for node in body.nodes]
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
                    line = f"const {_c_type(node.dtype)} {name} = {expression};"
                    self.shared_lines.append((body.depths[i], line))
                name = self.expressions[expression]
            else:
                name = f"v{i}"
            names.append(name)
        return names

    def _expression(self, body: Body, i: int, names: Sequence[str]) -> str:
        node = body.nodes[i]
        if node.op == "shared":
            return f"*({_memory(node.dtype)} *)shared[{list(self.shared).index(node.name)}]"
        if node.op == "array":
            at = at_name(node.spread) if node.partial else "j" if node.element else "0"
            return f"{node.name}_p[{at}]"
        if node.op == "sum":
            return self.SUM.format(place=body.sums.index(i))
        if node.op == "partial_sum":
            return f"part_{body.partial_sums.index(i)}[{at_name(node.spread)}]"
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

    def _lines(self, body: Body, level: int, nodes: Sequence[int]) -> list[str]:
        return [
            f"const {_c_type(body.nodes[i].dtype)} v{i} = "
            f"{self._expression(body, i, self.names[body])};"
            for i in nodes
            if body.levels[i] == level and body.nodes[i].op != "literal"
        ]

    # ---- the parts of the function

    def text(self, source: str, phases: tuple[str, ...] = ()) -> Text:
        """What is to be kept, with the function that a subclass has put together."""
        return Text(
            source=source,
            arrays=list(self.arrays),
            shared=list(self.shared),
            constants=[float(text) for text in self.constants],
            parameters=[row + [0.0] * (self.width - len(row)) for row in self.parameters],
            bodies=self.layout.body_of,
            sums=self.sums,
            partial_sums=[self._spreads(self.layout.bodies[k]) for k in self.layout.body_of],
            parts=self.parts,
            axes=self.axes,
            totals=len(self.layout.totals),
            phases=phases,
        )

    def _spreads(self, body: Body) -> list[Spread]:
        return [body.nodes[i].spread for i in body.partial_sums]

    def constant_lines(self) -> str:
        """Numbers that are the same for all items."""
        return joined(f"const double {c} = constants[{c[1:]}];" for c in self.constants.values())

    def _known_to_all(self, depth: int) -> str:
        return joined(line for at, line in self.shared_lines if at == depth)

    def _head(self, body: Body, nodes: Sequence[int], stored: Sequence[str] = ()) -> str:
        """What is computed once for an item, and the pointers that are needed."""
        used = {body.nodes[i].name for i in nodes} | set(stored)
        lines = [
            f"{_memory(dtype)} *__restrict__ {name}_p = ({_memory(dtype)} *)"
            f"{self._address(name).format(column=column)};"
            for column, (name, dtype) in enumerate(self.arrays.items())
            if name in used
        ]
        lines += [
            f"const double q{place} = parameters[i * WIDTH + {place}];"
            for i, place in body.varying.items()
            if i in nodes
        ]
        return joined([*self._parts(body), *lines, *self._lines(body, ITEM, nodes)])

    def _parts(self, body: Body) -> list[str]:
        parts = [self.PART.format(place=place) for place in range(len(body.partial_sums))]
        return [self.SHAPE, *parts] if body.by_rows else []

    def _address(self, name: str) -> str:
        return self.LEADING if name == self.leading else Writer.LEADING

    def _stores(self, body: Body, level: int) -> dict[str, int]:
        """Arrays that change, as far as they hold numbers of `level`, and their new nodes."""
        levels = {n.name: body.levels[i] for i, n in enumerate(body.nodes) if n.op == "array"}
        return {
            name: i
            for name, i in body.arrays.items()
            if levels[name] == level and body.nodes[i].name != name
        }

    def _storing(self, body: Body, stores: dict[str, int], at: str) -> list[str]:
        return [
            f"{name}_p[{at}] = {self._operand(body, i, self.arrays[name])};"
            for name, i in stores.items()
        ]

    def _by_body(self, texts: Sequence[str]) -> str:
        """The text of the body of item `i`."""
        if len(texts) == 1:
            return texts[0]
        cases = [f"case {k}: {{\n{text}\n}} break;" for k, text in enumerate(texts)]
        return "switch (body[i]) {\n" + joined(cases) + "\n}"

    def _each_element(self, body: Body, nodes: Sequence[int]) -> list[str]:
        lead = range(-body.axes, -1)
        places = [
            f"const int64_t {at_name(spread)} = {place_of_element(spread, lead)};"
            for spread in self._used(body, nodes)
        ]
        place = [self.PLACE, *places] if body.by_rows else []
        return [*place, *self._lines(body, PARTIAL, nodes), *self._lines(body, ELEMENT, nodes)]

    def _each_part(self, body: Body, of: Spread, nodes: Sequence[int]) -> list[str]:
        """What is computed at the place `p` of some axes."""
        places = [
            f"const int64_t {at_name(spread)} = {place(spread, sorted(of), 'p')};"
            for spread in self._used(body, nodes)
        ]
        return [*places, *self._lines(body, PARTIAL, nodes)]

    def _used(self, body: Body, nodes: Sequence[int]) -> list[Spread]:
        found = [body.nodes[i] for i in nodes]
        spreads = {n.spread for n in found if n.partial and n.op in ("array", "partial_sum")}
        return sorted(spreads, key=sorted)

    def _now(self, body: Body, depth: int) -> tuple[list[int], list[int], list[int]]:
        """Sums of elements, partial sums of elements, and sums of parts, after `depth` passes."""
        now = [i for i, at in enumerate(body.depths) if at == depth + 1]
        over = [i for i in now if body.nodes[i].op in ("sum", "partial_sum") and body.over_parts(i)]
        sums = [i for i in body.sums if i in now and i not in over]
        return sums, [i for i in body.partial_sums if i in now and i not in over], over

    def _parts_at(self, depth: int) -> bool:
        return any(any(self._now(body, depth)[1:]) for body in self.layout.bodies)

    def _summing(self, body: Body, now: Sequence[int], parts: Sequence[int]) -> dict[str, str]:
        """The pieces of a loop that adds up, in `s1`, ... of the sums' own types.

        What all of a row goes into is added up in `w1`, ... first.
        """
        roots = {i: body.nodes[i].operands[0] for i in (*now, *parts)}
        nodes = body.ancestors(list(roots.values()))
        of_rows = [i for i in parts if -1 not in body.nodes[i].spread]
        starts = [f"{_c_type(body.nodes[i].dtype)} s{i} = 0;" for i in now]
        adds = [f"s{i} += {self._operand(body, roots[i], body.nodes[i].dtype)};" for i in now]
        return {
            "head": self._head(body, nodes),
            "start": joined(f"double sum{i} = 0;" for i in now),
            "block": joined([*starts, *[f"double w{i} = 0;" for i in of_rows]]),
            "sums": ", ".join([f"s{i}" for i in now] + [f"w{i}" for i in of_rows]),
            "lines": joined(self._each_element(body, nodes)),
            "add": joined([*adds, *[f"w{i} += {self.names[body][roots[i]]};" for i in of_rows]]),
            "add_block": joined(
                [
                    *[f"sum{i} += s{i};" for i in now],
                    *[self._to_part(body, i, f"w{i}") for i in of_rows],
                ]
            ),
            "add_to_parts": joined(
                self._to_part(body, i, self.names[body][roots[i]])
                for i in parts
                if i not in of_rows
            ),
        }

    def _to_part(self, body: Body, i: int, value: str) -> str:
        """Add to a partial sum where the element, or its row, is."""
        at = place_of_element(body.nodes[i].spread, range(-body.axes, -1))
        return self.TO_PART.format(place=body.partial_sums.index(i), value=value, i=i, at=at)

    def _over_parts(self, body: Body, i: int) -> tuple[str, str, str, str]:
        """Head, length, lines and value of a loop that adds up parts."""
        root = body.nodes[i].operands[0]
        nodes, of = body.ancestors([root]), body.nodes[root].spread
        lines = joined(self._each_part(body, of, nodes))
        return self._head(body, nodes), product(sorted(of)), lines, self.names[body][root]

    def _adding(self, body: Body, totals: Sequence[int]) -> str:
        """What an item adds to those totals."""
        roots = [body.nodes[body.totals[k]].operands[0] for k in totals]
        adds = [f"over{k} += {self.names[body][i]};" for k, i in zip(totals, roots, strict=True)]
        return joined([self._head(body, body.ancestors(roots)), *adds])

    def _totals_at(self, depth: int) -> list[int]:
        return [k for k, at in enumerate(self.layout.totals) if at == depth]

    def _total_type(self, k: int) -> str:
        body = self.layout.bodies[0]
        return _c_type(body.nodes[body.totals[k]].dtype)

    def _storing_elements(self, body: Body) -> tuple[str, str]:
        """What comes before the loop over the elements of an item, and what is in it."""
        stores = self._stores(body, ELEMENT)
        nodes = body.ancestors(list(stores.values()))
        lines = [*self._each_element(body, nodes), *self._storing(body, stores, "j")]
        return (self._head(body, nodes, list(stores)), joined(lines)) if stores else ("", "")

    def _storing_parts(self, body: Body) -> list[tuple[str, str, str]]:
        """New values of what is kept for some axes: head, length and lines of a loop for each."""
        stores = self._stores(body, PARTIAL)
        spreads = {n.name: n.spread for n in body.nodes if n.op == "array"}
        loops = []
        for name, i in stores.items():
            nodes = body.ancestors([i])
            read = {body.nodes[k].name for k in nodes if body.nodes[k].op == "array"}
            if read & set(stores) - {name}:
                raise Refused("one of two arrays of some axes is made from the other")
            lines = self._each_part(body, spreads[name], nodes)
            lines += self._storing(body, {name: i}, at_name(spreads[name]))
            length = product(sorted(spreads[name]))
            loops.append((self._head(body, nodes, [name]), length, joined(lines)))
        return loops

    def _storing_numbers(self, body: Body) -> str:
        """New values of what is one number for the item."""
        stores = self._stores(body, ITEM)
        head = self._head(body, body.ancestors(list(stores.values())), list(stores))
        return joined([head, *self._storing(body, stores, "0")]) if stores else ""

    def _storing_shared(self) -> str:
        body = self.layout.bodies[0]
        return joined(
            f"*({_memory(dtype)} *)shared[{place}] = "
            f"{self._operand(body, body.shared[name], dtype)};"
            for place, (name, dtype) in enumerate(self.shared.items())
            if name in body.shared and body.nodes[body.shared[name]].name != name
        )


def at_name(spread: Spread) -> str:
    """What a place along some axes is called."""
    return "at_" + "_".join(str(-axis) for axis in sorted(spread, reverse=True))


def product(axes: Iterable[int]) -> str:
    """How many places some axes have."""
    return " * ".join(f"D[{-axis - 1}]" for axis in axes)


def place(to: Spread, of: Sequence[int], position: str) -> str:
    """The place along the axes `to` of a position along the axes `of`, which hold them."""
    axes = sorted(of, reverse=True)
    terms, inner, stride = [], list[int](), list[int]()
    for held, group in groupby(axes, lambda axis: axis in to):
        run = list(group)
        if held:
            term = f"{position} / ({product(inner)})" if inner else position
            term = f"({term}) % ({product(run)})" if run[-1] != axes[-1] else f"({term})"
            terms.append(f"{term} * ({product(stride)})" if stride else term)
            stride += run
        inner += run
    return " + ".join(terms) or "0"


def place_of_element(to: Spread, lead: Sequence[int]) -> str:
    """The place along the axes `to` of an element, or of its row if the last is not among them."""
    if to == {-1}:
        return "c"
    at = place(to - {-1}, lead, "row")
    return f"({at}) * C + c" if -1 in to else at


def joined(lines: Iterable[str]) -> str:
    """The lines, one below the other, without empty ones."""
    return "\n".join(line for line in lines if line)


def _c_type(dtype: torch.dtype) -> str:
    if dtype not in C_TYPES:
        raise Refused(f"numbers of the type {dtype}")
    return C_TYPES[dtype]


def _memory(dtype: torch.dtype) -> str:
    if dtype not in MEMORY or dtype == torch.bool:
        raise Refused(f"an array of the type {dtype}")
    return MEMORY[dtype]


def _type(body: Body, i: int) -> torch.dtype:
    node = body.nodes[i]
    return torch.float64 if node.op == "literal" else node.dtype


def _converted(name: str, old: torch.dtype, new: torch.dtype) -> str:
    if _c_type(old) == _c_type(new):
        return name
    return f"({name} != 0)" if new == torch.bool else f"({_c_type(new)}){name}"
