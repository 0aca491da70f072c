"""Graphs of items -> one C function that works through all of them, in place.

Items whose graphs differ in numbers alone are done by the same text, a *body*; the numbers come
in tables, so that the text is that of the function, whatever its settings (but for which of them
are equal: equal numbers are one).

Threads share the elements of all items, in order. What needs a sum waits for it: the function is
a row of *passes* over the elements, each but the last ending in sums and a barrier.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from string import Template

import torch

from keras_optim.native.layout import ELEMENT, ITEM, SHARED, Body, Layout
from keras_optim.native.operations import HELPERS, OPERATIONS
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
    """A C function, and what its tables must hold."""

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


def write(graphs: Sequence[Graph]) -> Text:
    """The C function that does what `graphs` say, one of them for each item.

    Raises:
        Refused: items disagree about what they share, or numbers are of an unknown type.
    """
    layout = Layout(graphs)
    writer = _Writer(layout)
    parameters = [
        [graph.literals[i] for i in layout.bodies[number].varying]
        for graph, number in zip(graphs, layout.body_of, strict=True)
    ]
    width = max(map(len, parameters))
    sums = max(len(body.sums) for body in layout.bodies)
    values = {"helpers": HELPERS, "sums": sums, "columns": len(writer.arrays), "width": width}
    return Text(
        source=FUNCTION.substitute(values, work=writer.work(), constants=writer.constant_lines()),
        arrays=list(writer.arrays),
        shared=list(writer.shared),
        constants=[float(text) for text in writer.constants],
        parameters=[row + [0.0] * (width - len(row)) for row in parameters],
        bodies=layout.body_of,
        sums=sums,
    )


class _Writer:
    def __init__(self, layout: Layout):
        self.layout = layout
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
            return f"sum_of(part + (i * SUMS + {body.sums.index(i)}) * T, T)"
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

    def constant_lines(self) -> str:
        return _joined(f"const double {c} = constants[{c[1:]}];" for c in self.constants.values())

    def work(self) -> str:
        """All passes, with what is known before, between and after them."""
        parts = [self._known_to_all(0)]
        for depth in range(self.layout.passes):
            parts += [self._pass(depth), BARRIER]
            parts += [self._totals(depth + 1), self._known_to_all(depth + 1)]
        parts += [self._last_pass(), BARRIER, self._numbers()]
        return _joined(part for part in parts if part)

    def _known_to_all(self, depth: int) -> str:
        return _joined(line for at, line in self.shared_lines if at == depth)

    def _for_each_item(self, texts: Sequence[str], before: str = "") -> str:
        """A loop over all items, in which each is done by the text of its body."""
        if not any(texts):
            return ""
        text = texts[0]
        if len(texts) > 1:
            cases = [f"case {k}: {{\n{text}\n}} break;" for k, text in enumerate(texts)]
            text = "switch (body[i]) {\n" + _joined(cases) + "\n}"
        return f"for (int64_t i = 0, at = 0; i < n; at += size[i++]) {{\n{before}{text}\n}}"

    def _head(self, body: Body, nodes: Sequence[int], stored: Sequence[str] = ()) -> str:
        """What is computed once for an item, and the pointers that are needed."""
        used = {body.nodes[i].name for i in nodes} | set(stored)
        lines = [
            f"{_memory(dtype)} *restrict {name}_p = p[i * COLUMNS + {column}];"
            for column, (name, dtype) in enumerate(self.arrays.items())
            if name in used
        ]
        lines += [
            f"const double q{place} = parameters[i * WIDTH + {place}];"
            for i, place in body.varying.items()
            if i in nodes
        ]
        return _joined([*lines, *self._lines(body, ITEM, nodes)])

    def _pass(self, depth: int) -> str:
        """The sums that need `depth` passes before: blocks in their own type, then in double."""
        texts = []
        for body in self.layout.bodies:
            now = [i for i in body.sums if body.depths[i] == depth + 1]
            roots = [body.nodes[i].operands[0] for i in now]
            nodes = body.ancestors(roots)
            values = {
                "start": _joined(f"double sum{i} = 0;" for i in now),
                "block": _joined(f"{_c_type(body.nodes[i].dtype)} s{i} = 0;" for i in now),
                "sums": ", ".join(f"s{i}" for i in now),
                "lines": _joined(self._lines(body, ELEMENT, nodes)),
                "add": _joined(
                    f"s{i} += {self._operand(body, root, body.nodes[i].dtype)};"
                    for i, root in zip(now, roots, strict=True)
                ),
                "add_block": _joined(f"sum{i} += s{i};" for i in now),
                "keep": _joined(
                    f"part[(i * SUMS + {body.sums.index(i)}) * T + r] = sum{i};" for i in now
                ),
            }
            text = f"{self._head(body, nodes)}\n{SUMMING.substitute(values)}"
            texts.append(text if now else "")
        return self._for_each_item(texts, RANGE)

    def _totals(self, depth: int) -> str:
        """The sums over all items of what is known after `depth` passes."""
        now = [k for k, at in enumerate(self.layout.totals) if at == depth]
        texts = []
        for body in self.layout.bodies:
            roots = [body.nodes[body.totals[k]].operands[0] for k in now]
            adds = [f"over{k} += {self.names[body][i]};" for k, i in zip(now, roots, strict=True)]
            texts.append(_joined([self._head(body, body.ancestors(roots)), *adds]) if now else "")
        nodes, totals = self.layout.bodies[0].nodes, self.layout.bodies[0].totals
        ends = [f"const {_c_type(nodes[totals[k]].dtype)} total{k} = over{k};" for k in now]
        starts = [f"double over{k} = 0;" for k in now]
        return _joined([*starts, self._for_each_item(texts), *ends])

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

    def _last_pass(self) -> str:
        """New values of the elements."""
        texts = []
        for body in self.layout.bodies:
            stores = self._stores(body, ELEMENT)
            nodes = body.ancestors(list(stores.values()))
            lines = [*self._lines(body, ELEMENT, nodes), *self._storing(body, stores, "j")]
            loop = STORING.substitute(lines=_joined(lines))
            texts.append(f"{self._head(body, nodes, list(stores))}\n{loop}" if stores else "")
        return self._for_each_item(texts, RANGE + "if (a >= b) continue;\n")

    def _numbers(self) -> str:
        """New values of single numbers: by one thread, when all threads have read the old ones."""
        texts = []
        for body in self.layout.bodies:
            stores = self._stores(body, ITEM)
            head = self._head(body, body.ancestors(list(stores.values())), list(stores))
            texts.append(_joined([head, *self._storing(body, stores, "0")]) if stores else "")
        body = self.layout.bodies[0]
        lines = [
            f"*({_memory(dtype)} *)shared[{place}] = "
            f"{self._operand(body, body.shared[name], dtype)};"
            for place, (name, dtype) in enumerate(self.shared.items())
            if name in body.shared and body.nodes[body.shared[name]].name != name
        ]
        return "if (r == 0) {\n" + _joined([self._for_each_item(texts), *lines]) + "\n}"


BARRIER = "#pragma omp barrier"

RANGE = """const int64_t a = lo > at ? lo - at : 0, b = hi - at < size[i] ? hi - at : size[i];
"""

SUMMING = Template("""$start
for (int64_t from = a; from < b; from += BLOCK) {
  const int64_t to = from + BLOCK < b ? from + BLOCK : b;
  $block
  #pragma omp simd reduction(+ : $sums)
  for (int64_t j = from; j < to; j++) {
    $lines
    $add
  }
  $add_block
}
$keep""")

STORING = Template("""#pragma omp simd
for (int64_t j = a; j < b; j++) {
$lines
}""")

FUNCTION = Template("""#include <math.h>
#include <omp.h>
#include <stdint.h>
$helpers
static inline double sum_of(const double *part, int64_t threads) {
  double sum = 0;
  for (int64_t r = 0; r < threads; r++) sum += part[r];
  return sum;
}
enum { SUMS = $sums, COLUMNS = $columns, WIDTH = $width, BLOCK = 4096, ALONE = 32768 };

void run(int64_t n, const int64_t *size, const int64_t *body, void **p, const double *parameters,
         const double *constants, void **shared, int64_t threads, double *part) {
$constants
int64_t all = 0;
for (int64_t i = 0; i < n; i++) all += size[i];
#pragma omp parallel num_threads(all < ALONE ? 1 : threads)
{
const int64_t T = omp_get_num_threads(), r = omp_get_thread_num();
const int64_t lo = all * r / T & ~15LL, hi = r == T - 1 ? all : all * (r + 1) / T & ~15LL;
$work
}
}
""")


def _joined(lines: Iterable[str]) -> str:
    return "\n".join(lines)


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
