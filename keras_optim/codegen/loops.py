"""Loops over elements and rows as C text, the same on each kind of device."""

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from keras_optim.codegen.expressions import Names, c_type, memory_type
from keras_optim.codegen.graph import Refused, Spread
from keras_optim.codegen.grouping import ELEMENT, ITEM, PARTIAL, Body
from keras_optim.codegen.indexing import at_name, joined, place, place_of_row, product
from keras_optim.codegen.operations import REDUCTIONS, Reduction
from keras_optim.codegen.schedule import Pass

Loads = Mapping[int, str]
"""Expressions of nodes that earlier passes have computed."""


class Writer(Names):
    """Loops, and the declarations before them.

    Raises:
        Refused: see `expressions.Names`.
    """

    LEADING = "p[i * ARRAYS + {column}]"
    """The expression of the address of the leading array of item `i`."""
    PLACE: ClassVar[str]
    """Declares `c`, the column of the element `j`, from the variables of the loop."""
    PARTIAL: ClassVar[str]
    """The number of the partial reduction with the place `{place}`, the node `{i}`, at `{at}`."""
    SHAPE: ClassVar[str]
    """Declares `D`, the lengths of the axes of item `i` from the last on, and `C`, the first."""
    PART: ClassVar[str]
    """Declares `part_{place}`, of the `{type}`: a pointer to the numbers of a part."""

    def _known_to_all(self, depth: int) -> str:
        return joined(line for at, line in self.shared_lines if at == depth)

    def _head(self, body: Body, nodes: Sequence[int], stores: Iterable[str] = ()) -> str:
        """Declare the pointers that `nodes` need, and compute their numbers of the item."""
        used = {body.nodes[i].name for i in nodes} | set(stores)
        lines = [
            f"{memory_type(body.dtypes[name])} *__restrict__ {name}_p = "
            f"({memory_type(body.dtypes[name])} *){self._address(name).format(column=column)};"
            for column, name in enumerate(self.arrays)
            if name in used
        ]
        lines += [
            f"const double q{place} = parameters[i * WIDTH + {place}];"
            for i, place in body.varying.items()
            if i in nodes
        ]
        return joined([*self._parts(body), *lines, *self._lines(body, ITEM, nodes)])

    def _parts(self, body: Body) -> list[str]:
        types = [many_type(body, i) for i in body.partial_reductions]
        types += [c_type(body.nodes[i].dtype) for i in self.plans[body].kept]
        parts = [self.PART.format(place=k, type=kind) for k, kind in enumerate(types)]
        return [self.SHAPE, *parts] if body.by_rows else []

    def _address(self, name: str) -> str:
        return self.LEADING if name == self.leading else Writer.LEADING

    def _storing(self, body: Body, stores: Mapping[str, int], at: str) -> list[str]:
        return [
            f"{self._element(body, name, at)} = {self._kept(body, i, name)};"
            for name, i in stores.items()
        ]

    def _by_body(self, texts: Sequence[str]) -> str:
        """Choose the text of the body of item `i`."""
        if len(texts) == 1:
            return texts[0]
        cases = [f"case {k}: {{\n{text}\n}} break;" for k, text in enumerate(texts)]
        return "switch (body[i]) {\n" + joined(cases) + "\n}"

    # ---- loops over elements

    def _loop(self, body: Body, depth: int) -> dict[str, str]:
        """Return the pieces of a pass over the elements of an item.

        The numbers of a block are reduced in `s<i>`, of the reductions' own types. Reductions over
        the last axis are reduced in `w<i>` first, row by row.
        """
        now = self.plans[body].passes[depth]
        roots = {i: body.nodes[i].operands[0] for i in now.reduced}
        loads = self._loads(body, now, depth)
        nodes = body.ancestors([*roots.values(), *now.stores.values()], loads.keys())
        if not (roots or now.stores):
            return {}
        own = {i: c_type(body.nodes[i].dtype) for i in roots}
        of_row = [i for i in now.partial_reductions if -1 not in body.nodes[i].spread]
        of_columns = [i for i in now.partial_reductions if i not in of_row]
        operands = {i: self._operand(body, roots[i], body.nodes[i].dtype) for i in now.reductions}
        arrays = [*now.stores, *(name for i, name in now.loads.items() if i in nodes)]
        each_row, of_element = self._each_element(body, nodes, loads)
        if (condition := self._condition(body, now)) is not None:
            each_row.append(f"if (!v{condition}) continue;")
        of_element += self._storing(body, now.stores, "j")
        return {
            "head": self._head(body, nodes, arrays),
            "start": joined(_start(body, i, "double", f"sum{i}") for i in now.reductions),
            "block": joined(
                [
                    *[_start(body, i, own[i], f"s{i}") for i in now.reductions],
                    *[_start(body, i, many_type(body, i), f"w{i}") for i in of_row],
                    *each_row,
                ]
            ),
            "clauses": _clauses(
                body, {**{i: f"s{i}" for i in now.reductions}, **{i: f"w{i}" for i in of_row}}
            ),
            "lines": joined(of_element),
            "add": joined(
                [
                    *[_add(body, i, f"s{i}", operands[i]) for i in now.reductions],
                    *[_add(body, i, f"w{i}", self.names[body][roots[i]]) for i in of_row],
                ]
            ),
            "add_block": joined(
                [
                    *[_add(body, i, f"sum{i}", f"s{i}") for i in now.reductions],
                    *[_add(body, i, self._partial(body, i), f"w{i}") for i in of_row],
                ]
            ),
            "add_to_parts": joined(
                _add(body, i, self._partial(body, i), self.names[body][roots[i]])
                for i in of_columns
            ),
        }

    def _condition(self, body: Body, now: Pass) -> int | None:
        """Return the condition node under which whole rows change; else `None`.

        It exists if every store of the pass is a `where` of this one condition with the old value.
        """
        found = set[int]()
        for name, i in now.stores.items():
            node = body.nodes[i]
            if node.op != "where" or body.nodes[node.operands[2]].name != name:
                return None
            found.add(node.operands[0])
        condition = next(iter(found)) if len(found) == 1 and not now.reduced else None
        if condition is None or body.levels[condition] != PARTIAL:
            return None
        return condition if -1 not in body.nodes[condition].spread else None

    def _loads(self, body: Body, now: Pass, depth: int) -> dict[int, str]:
        """Return the nodes that a pass after `depth` others can load, with their expressions."""
        loads = {i: self._loaded(body, name, "j") for i, name in now.loads.items()}
        for i in self.plans[body].kept:
            if body.depths[i] <= depth:
                loads[i] = f"part_{self._part(body, i)}[{at_name(body.nodes[i].spread)}]"
        return loads

    def _each_element(
        self, body: Body, nodes: Sequence[int], loads: Loads
    ) -> tuple[list[str], list[str]]:
        """Return the lines that are computed for each row, and those for each element."""
        if not body.by_rows:
            return [], self._lines(body, ELEMENT, nodes, loads)
        of_row, of_element = list[str](), [self.PLACE]
        for spread in self._used(body, nodes, loads):
            name, first = at_name(spread), place_of_row(spread, range(-body.axes, -1))
            of_row.append(f"const int64_t row_{name} = {first};" if spread != {-1} else "")
            if -1 in spread:
                start = f"row_{name} + " if spread != {-1} else ""
                of_element.append(f"const int64_t {name} = {start}c;")
            else:
                of_row.append(f"const int64_t {name} = row_{name};")
        for i in nodes:
            lines = of_element if -1 in body.nodes[i].spread else of_row
            lines += self._lines(body, PARTIAL, [i], loads)
        return of_row, [*of_element, *self._lines(body, ELEMENT, nodes, loads)]

    def _partial(self, body: Body, i: int) -> str:
        """Return the number of a partial reduction at the element, or at its row."""
        spread = body.nodes[i].spread
        at = place_of_row(spread, range(-body.axes, -1))
        if -1 in spread:
            at = f"{at} + c" if spread != {-1} else "c"
        return self.PARTIAL.format(place=body.partial_reductions.index(i), i=i, at=at)

    # ---- loops over positions along some axes

    def _each_part(
        self, body: Body, of: Spread, nodes: Sequence[int], loads: Loads
    ) -> tuple[str, list[str]]:
        """Return the number of positions along some axes, and the lines at the position `p`."""
        places = [
            f"const int64_t {at_name(spread)} = {place(spread, sorted(of), 'p')};"
            for spread in self._used(body, nodes, loads)
        ]
        return product(sorted(of)), [*places, *self._lines(body, PARTIAL, nodes, loads)]

    def _used(self, body: Body, nodes: Sequence[int], loads: Loads) -> list[Spread]:
        def there(i: int) -> bool:
            return i in loads or body.nodes[i].op == "array" or body.nodes[i].reduces

        spreads = {body.nodes[i].spread for i in nodes if body.nodes[i].partial and there(i)}
        return sorted(spreads, key=sorted)

    def _parts_at(self, depth: int) -> bool:
        """Whether the pass after `depth` others reduces to parts, or reduces parts."""
        plans = (plan.passes[depth] for plan in self.plans.values())
        return any(now.partial_reductions or now.over_parts for now in plans)

    def _over_parts(self, body: Body, i: int) -> tuple[str, str, str, str]:
        """Return head, length, lines and value of a loop that reduces parts."""
        root = body.nodes[i].operands[0]
        nodes = body.ancestors([root])
        length, lines = self._each_part(body, body.nodes[root].spread, nodes, {})
        return self._head(body, nodes), length, joined(lines), self.names[body][root]

    def _keeping(self, body: Body, i: int) -> tuple[str, str, str]:
        """Return head, length and lines of a loop that keeps a node made from reductions."""
        nodes, spread = body.ancestors([i]), body.nodes[i].spread
        length, lines = self._each_part(body, spread, nodes, {})
        lines.append(f"part_{self._part(body, i)}[p] = v{i};")
        return self._head(body, nodes), length, joined(lines)

    def _storing_parts(self, body: Body) -> list[tuple[str, str, str]]:
        """Return head, length and lines of a loop for each array of some axes that changes."""
        stores = body.stores(PARTIAL)
        spreads = {n.name: n.spread for n in body.nodes if n.op == "array"}
        loops = []
        for name, i in stores.items():
            nodes = body.ancestors([i])
            read = {body.nodes[k].name for k in nodes if body.nodes[k].op == "array"}
            if read & set(stores) - {name}:
                raise Refused("of two arrays along some axes, one needs the other's old value")
            length, lines = self._each_part(body, spreads[name], nodes, {})
            lines += self._storing(body, {name: i}, at_name(spreads[name]))
            loops.append((self._head(body, nodes, [name]), length, joined(lines)))
        return loops

    # ---- numbers

    def _adding(self, body: Body, totals: Sequence[int]) -> str:
        """Add an item's numbers to the totals."""
        roots = [body.nodes[body.totals[k]].operands[0] for k in totals]
        adds = [f"over{k} += {self.names[body][i]};" for k, i in zip(totals, roots, strict=True)]
        return joined([self._head(body, body.ancestors(roots)), *adds])

    def _totals_at(self, depth: int) -> list[int]:
        return [k for k, at in enumerate(self.layout.totals) if at == depth]

    def _total_type(self, k: int) -> str:
        body = self.layout.bodies[0]
        return c_type(body.nodes[body.totals[k]].dtype)

    def _storing_numbers(self, body: Body) -> str:
        """Store the new single numbers of the item."""
        stores = body.stores(ITEM)
        head = self._head(body, body.ancestors(list(stores.values())), list(stores))
        return joined([head, *self._storing(body, stores, "0")]) if stores else ""

    def _storing_shared(self) -> str:
        body = self.layout.bodies[0]
        return joined(
            f"*({memory_type(dtype)} *)shared[{place}] = "
            f"{self._operand(body, body.shared[name], dtype)};"
            for place, (name, dtype) in enumerate(self.shared.items())
            if name in body.shared and body.nodes[body.shared[name]].name != name
        )


def _reduction(body: Body, i: int) -> Reduction:
    return REDUCTIONS[body.nodes[i].op]


def many_type(body: Body, i: int) -> str:
    """Return the type in which many numbers are reduced."""
    return "double" if _reduction(body, i).rounds else c_type(body.nodes[i].dtype)


def _start(body: Body, i: int, kind: str, name: str) -> str:
    """Declare the variable of a reduction."""
    return f"{kind} {name} = {_reduction(body, i).start};"


def _add(body: Body, i: int, name: str, value: str) -> str:
    """Add one number to a reduction."""
    return f"{_reduction(body, i).add.format(name, value)};"


def _clauses(body: Body, names: Mapping[int, str]) -> str:
    """Return the OpenMP clauses for the variables that a loop reduces in."""
    found: dict[str, list[str]] = {}
    for i, name in names.items():
        found.setdefault(_reduction(body, i).clause, []).append(name)
    return "".join(f" reduction({clause} : {', '.join(of)})" for clause, of in found.items())
