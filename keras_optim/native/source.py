"""Graphs of items -> the text of one function that works through all of them, in place.

Items whose graphs differ in numbers alone are done by the same text, a *body*; the numbers come
in tables, so that the text is that of the function, whatever its settings (but for which of them
are equal: equal numbers are one).

What needs a sum waits for it: the function is a row of *passes* over the elements, each but the
last ending in sums. `on_cpu` and `on_cuda` say how passes follow each other, and who does what.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from keras_optim.native.layout import COLUMN, ELEMENT, ITEM, SHARED, Body, Layout
from keras_optim.native.operations import OPERATIONS
from keras_optim.native.tracing import Graph, Refused

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
    column_sums: list[int]
    """How many sums each item makes for each of its columns."""
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
    """Declares `c`, the column of the element `j`."""
    TO_COLUMN: ClassVar[str]
    """Adds `{value}` to the column sum with the place `{place}` and the number `{i}`."""
    COLUMNS: ClassVar[str]
    """Declares `C`, the number of columns of item `i`, and `columns`, its column sums."""

    def __init__(self, graphs: Sequence[Graph], leading: str):
        self.layout = layout = Layout(graphs)
        self.leading = leading
        self.parameters = [
            [graph.literals[i] for i in layout.bodies[number].varying]
            for graph, number in zip(graphs, layout.body_of, strict=True)
        ]
        self.width = max(map(len, self.parameters))
        self.sums = max(len(body.sums) for body in layout.bodies)
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
            return f"{node.name}_p[{'j' if node.element else 0}]"
        if node.op == "sum":
            return self.SUM.format(place=body.sums.index(i))
        if node.op == "column_sum":
            return f"columns[{body.column_sums.index(i)} * C + c]"
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
            column_sums=[len(self.layout.bodies[k].column_sums) for k in self.layout.body_of],
            totals=len(self.layout.totals),
            phases=phases,
        )

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
        columns = [self.COLUMNS] if body.column_sums else []
        return joined([*columns, *lines, *self._lines(body, ITEM, nodes)])

    def _address(self, name: str) -> str:
        return self.LEADING if name == self.leading else Writer.LEADING

    def _stores(self, body: Body, level: int) -> dict[str, int]:
        """Arrays that change, as far as they hold numbers of `level`, and their new nodes."""
        elements = {node.name: node.element for node in body.nodes if node.op == "array"}
        return {
            name: i
            for name, i in body.arrays.items()
            if elements[name] == (level == ELEMENT) and body.nodes[i].name != name
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
        place = [self.PLACE] if body.column_sums else []
        return [*place, *self._lines(body, COLUMN, nodes), *self._lines(body, ELEMENT, nodes)]

    def _now(self, body: Body, depth: int) -> tuple[list[int], list[int], list[int]]:
        """Sums over elements, for each column, and over columns, after `depth` passes."""
        sums = [i for i in body.sums if body.depths[i] == depth + 1]
        columns = [i for i in body.column_sums if body.depths[i] == depth + 1]
        over_columns = [i for i in sums if body.over_columns(i)]
        return [i for i in sums if i not in over_columns], columns, over_columns

    def _columns_at(self, depth: int) -> bool:
        return any(self._now(body, depth)[1] for body in self.layout.bodies)

    def _summing(self, body: Body, now: Sequence[int], columns: Sequence[int]) -> dict[str, str]:
        """The parts of a loop that adds up, in `s1`, ... of the sums' own types."""
        roots = [body.nodes[i].operands[0] for i in now]
        of_columns = [body.nodes[i].operands[0] for i in columns]
        nodes = body.ancestors([*roots, *of_columns])
        return {
            "head": self._head(body, nodes),
            "start": joined(f"double sum{i} = 0;" for i in now),
            "block": joined(f"{_c_type(body.nodes[i].dtype)} s{i} = 0;" for i in now),
            "sums": ", ".join(f"s{i}" for i in now),
            "lines": joined(self._each_element(body, nodes)),
            "add": joined(
                f"s{i} += {self._operand(body, root, body.nodes[i].dtype)};"
                for i, root in zip(now, roots, strict=True)
            ),
            "add_block": joined(f"sum{i} += s{i};" for i in now),
            "add_to_columns": joined(
                self.TO_COLUMN.format(
                    place=body.column_sums.index(i), value=self.names[body][root], i=i
                )
                for i, root in zip(columns, of_columns, strict=True)
            ),
        }

    def _over_columns(self, body: Body, now: Sequence[int]) -> tuple[str, str, str]:
        """Head, lines and adding of a loop over columns."""
        roots = [body.nodes[i].operands[0] for i in now]
        nodes = body.ancestors(roots)
        adds = [f"sum{i} += {self.names[body][k]};" for i, k in zip(now, roots, strict=True)]
        return (
            joined([self._head(body, nodes), *[f"double sum{i} = 0;" for i in now]]),
            joined(self._lines(body, COLUMN, nodes)),
            joined(adds),
        )

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
