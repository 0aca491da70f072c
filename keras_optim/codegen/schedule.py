"""What each pass over the elements of an item reads, computes, and leaves for later passes.

A pass that needs sums of an earlier one would compute anew all that it has in common with it. So
what is final in an earlier pass is stored there, and what is the same in a whole column is computed
once.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from keras_optim.codegen.grouping import ELEMENT, PARTIAL, Body


@dataclass
class Pass:
    """One pass over the elements; the last one has no sums.

    Attributes:
        sums: Sums of elements that it makes.
        partial_sums: The same over some axes.
        over_parts: Sums of parts that follow it; they take no pass of their own.
        stores: Arrays that get their new values in it, with the nodes of these.
        loads: Nodes that earlier passes have stored, with the arrays they are in.
    """

    sums: list[int] = field(default_factory=list)
    partial_sums: list[int] = field(default_factory=list)
    over_parts: list[int] = field(default_factory=list)
    stores: dict[str, int] = field(default_factory=dict)
    loads: dict[int, str] = field(default_factory=dict)

    @property
    def adds(self) -> list[int]:
        """All sums of elements."""
        return [*self.sums, *self.partial_sums]


class Plan:
    """All passes of a body.

    Attributes:
        passes: Those that end in sums, and the last.
        kept: Nodes of some axes whose values are kept, beside the sums of which they are made.

    Args:
        body: Of known depths.
        count: How many passes end in sums, see `Layout.passes`.
        early: Whether to store in the first pass in which that is possible, not in the last, and
            to keep anything.
    """

    def __init__(self, body: Body, count: int, early: bool):
        self.passes = _passes(body, count, early)
        self.kept = [i for i in _border(body) if early and self._ready(body, i)]

    def _ready(self, body: Body, i: int) -> bool:
        """Whether a node is known right after sums of parts, so that the same thread may go on."""
        depth = body.depths[i]
        if -1 not in body.nodes[i].spread or body.nodes[i].op == "array" or not depth:
            return False
        now = self.passes[depth - 1]
        waits = (k for k in body.ancestors([i]) if body.nodes[k].op == "total")
        late = any(body.depths[k] == depth for k in waits)
        return bool(now.partial_sums or now.over_parts) and not late


def _border(body: Body) -> list[int]:
    """The nodes of some axes from which elements are computed."""
    elements = (node for node, at in zip(body.nodes, body.levels, strict=True) if at == ELEMENT)
    found = {k for node in elements for k in node.operands if body.levels[k] == PARTIAL}
    return sorted(k for k in found if body.nodes[k].op != "partial_sum")


def _passes(body: Body, count: int, early: bool) -> list[Pass]:
    found = [_sums_at(body, depth) for depth in range(count)]
    pending, loads = body.stores(ELEMENT), dict[int, str]()
    for depth, now in enumerate(found):
        now.loads = dict(loads)
        later = [body.nodes[i].operands[0] for after in found[depth + 1 :] for i in after.adds]
        if early:
            now.stores = _storable(body, now, pending, later)
            pending = {name: i for name, i in pending.items() if name not in now.stores}
            loads |= {i: name for name, i in now.stores.items()}
    return [*found, Pass(stores=pending, loads=loads)]


def _computed(body: Body, now: Pass) -> set[int]:
    """The nodes that are numbers of elements in the pass, for its sums."""
    roots = [body.nodes[i].operands[0] for i in now.adds]
    return {i for i in body.ancestors(roots, now.loads.keys()) if body.levels[i] == ELEMENT}


def _sums_at(body: Body, depth: int) -> Pass:
    now = [i for i, at in enumerate(body.depths) if at == depth + 1]
    sums = [i for i in now if body.nodes[i].op in ("sum", "partial_sum")]
    over = [i for i in sums if body.over_parts(i)]
    return Pass(
        sums=[i for i in sums if i in body.sums and i not in over],
        partial_sums=[i for i in sums if i in body.partial_sums and i not in over],
        over_parts=over,
    )


def _storable(
    body: Body, now: Pass, pending: dict[str, int], later: Iterable[int]
) -> dict[str, int]:
    """New values that the pass computes, of arrays whose old values nothing needs after it."""
    nodes = _computed(body, now)
    stores = {name: i for name, i in pending.items() if i in nodes}
    while True:
        roots = [*later, *(i for name, i in pending.items() if name not in stores)]
        needed = body.ancestors(roots, {*now.loads, *stores.values()})
        read = {body.nodes[i].name for i in needed if body.nodes[i].op == "array"}
        if not read & stores.keys():
            return stores
        stores = {name: i for name, i in stores.items() if name not in read}
