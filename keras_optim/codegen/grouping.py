"""Groups of items that share one text, and the order in which their numbers become known."""

from collections.abc import Sequence, Set
from typing import Any

from keras_optim.codegen.graph import NUMBER, Graph, Refused

SHARED, ITEM, PARTIAL, ELEMENT = 0, 1, 2, 3
"""Levels of a node: one number for all items; for each item; for each position along some of its
axes; for each element."""


class Body:
    """Items whose graphs differ only in numbers.

    Attributes:
        varying: Literals that differ from item to item, with their indices in the item's row of
            parameters.
        by_rows: Whether a loop over elements must know the row and the column of each.
        dtypes: The dtype of each array.
        levels: The level of each node.
        depths: How many passes over the elements must have ended before a node is known.
    """

    def __init__(self, graphs: Sequence[Graph]):
        graph = graphs[0]
        self.nodes, self.literals = graph.nodes, graph.literals
        self.arrays, self.shared, self.axes = graph.arrays, graph.shared, graph.axes
        self.totals = [i for i, node in enumerate(self.nodes) if node.op == "total"]
        reduced = [i for i, node in enumerate(self.nodes) if node.reduces]
        self.reductions = [i for i in reduced if not self.nodes[i].partial]
        self.partial_reductions = [i for i in reduced if self.nodes[i].partial]
        self.by_rows = any(node.partial for node in self.nodes)
        varying = [i for i, v in graph.literals.items() if any(g.literals[i] != v for g in graphs)]
        self.varying = {i: place for place, i in enumerate(varying)}
        self.dtypes = {node.name: node.dtype for node in self.nodes if node.op == "array"}
        self.levels = self._levels()
        self.depths: list[int] = []

    def _levels(self) -> list[int]:
        levels: list[int] = []
        for i, node in enumerate(self.nodes):
            if node.op == "total":
                level = SHARED
            elif node.spread != NUMBER and node.op != "literal":
                level = ELEMENT if node.element else PARTIAL
            elif i in self.varying or node.op == "array" or node.reduces:
                level = ITEM
            else:
                level = max((levels[k] for k in node.operands), default=SHARED)
            levels.append(level)
        return levels

    def deepen(self, totals: Sequence[int]) -> list[int]:
        """Set the depths, given a lower bound for the totals', and return those of the totals."""
        self.depths = []
        for i, node in enumerate(self.nodes):
            depth = max((self.depths[k] for k in node.operands), default=0)
            if node.reduces:
                depth = max(depth, 1) if self.over_parts(i) else depth + 1
            elif node.op == "total":
                depth = max(depth, totals[self.totals.index(i)])
            self.depths.append(depth)
        return [self.depths[i] for i in self.totals]

    def over_parts(self, i: int) -> bool:
        """Whether a reduction is of parts, so that it needs no pass over the elements."""
        return self.nodes[self.nodes[i].operands[0]].partial

    def ancestors(self, roots: Sequence[int], known: Set[int] = frozenset()) -> list[int]:
        """Return all nodes that `roots` need, in order.

        Operands of reductions, totals and `known` nodes are left out, because an earlier pass
        computes them.
        """
        seen: set[int] = set()
        stack = list(roots)
        while stack:
            i = stack.pop()
            if i not in seen:
                seen.add(i)
                node = self.nodes[i]
                if not (i in known or node.reduces or node.op == "total"):
                    stack += node.operands
        return sorted(seen)

    def stores(self, level: int) -> dict[str, int]:
        """Return the arrays of this level that change, with the nodes of their new values."""
        levels = {n.name: self.levels[i] for i, n in enumerate(self.nodes) if n.op == "array"}
        return {
            name: i
            for name, i in self.arrays.items()
            if levels[name] == level and self.nodes[i].name != name
        }


class Layout:
    """Bodies of all items.

    Attributes:
        bodies: Each stands for some items.
        body_of: The number of the body of each item.
        totals: The depth of each total.
        passes: How many passes end in reductions.

    Raises:
        Refused: the list is empty, or the items differ in their number of totals.
    """

    def __init__(self, graphs: Sequence[Graph]):
        if not graphs:
            raise Refused("no items were given")
        groups: dict[Any, list[int]] = {}
        for i, graph in enumerate(graphs):
            groups.setdefault(graph.skeleton, []).append(i)
        self.bodies = [Body([graphs[i] for i in members]) for members in groups.values()]
        numbers = {skeleton: number for number, skeleton in enumerate(groups)}
        self.body_of = [numbers[graph.skeleton] for graph in graphs]
        self.totals = [0] * len(self.bodies[0].totals)
        if any(len(body.totals) != len(self.totals) for body in self.bodies):
            raise Refused("items differ in their number of totals")
        while True:
            depths = [body.deepen(self.totals) for body in self.bodies]
            deepest = [max(depth) for depth in zip(*depths, strict=True)]
            if deepest == self.totals:
                break
            self.totals = deepest
        self.passes = max(max(body.depths, default=0) for body in self.bodies)
        if any(
            self._too_early(body, i)
            for body in self.bodies
            for i in (*body.reductions, *body.partial_reductions)
        ):
            raise Refused("a reduction of parts needs a total that is known only after it")

    def _too_early(self, body: Body, i: int) -> bool:
        used = body.ancestors(body.nodes[i].operands) if body.over_parts(i) else []
        return any(body.nodes[k].op == "total" and body.depths[k] == body.depths[i] for k in used)
