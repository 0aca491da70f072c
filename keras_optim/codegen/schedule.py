"""Schedule of passes: the values that each loads, computes, and stores for later passes.

Two passes would compute their common nodes twice. So a pass stores new values as soon as they are
final, and keeps nodes that are the same in a whole column.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from keras_optim.codegen.grouping import ELEMENT, PARTIAL, Body


@dataclass
class Pass:
    """One pass over the elements; the last one reduces nothing.

    Attributes:
        reductions: Its reductions of elements to one number.
        partial_reductions: Its reductions of elements over some axes.
        over_parts: Reductions of parts that follow it; they need no pass of their own.
        stores: Arrays whose new values it stores, with the nodes of these values.
        loads: Nodes that earlier passes have stored, with the arrays that hold them.
    """

    reductions: list[int] = field(default_factory=list)
    partial_reductions: list[int] = field(default_factory=list)
    over_parts: list[int] = field(default_factory=list)
    stores: dict[str, int] = field(default_factory=dict)
    loads: dict[int, str] = field(default_factory=dict)

    @property
    def reduced(self) -> list[int]:
        """Reductions of elements, to one number and over some axes."""
        return [*self.reductions, *self.partial_reductions]


class Plan:
    """Passes of a body.

    Attributes:
        passes: Those that end in reductions, and the last.
        kept: Nodes of some axes whose values are kept beside the reductions.

    Args:
        body: Of known depths.
        count: The number of passes that end in reductions, see `Layout.passes`.
        early: Whether to store in the first pass that can, instead of the last, and to keep nodes.
    """

    def __init__(self, body: Body, count: int, early: bool):
        self.passes = _passes(body, count, early)
        self.kept = [i for i in _border(body) if early and self._ready(body, i)]

    def _ready(self, body: Body, i: int) -> bool:
        """Whether a node is known right after a reduction of parts, before any total."""
        depth = body.depths[i]
        if -1 not in body.nodes[i].spread or body.nodes[i].op == "array" or not depth:
            return False
        now = self.passes[depth - 1]
        waits = (k for k in body.ancestors([i]) if body.nodes[k].op == "total")
        late = any(body.depths[k] == depth for k in waits)
        return bool(now.partial_reductions or now.over_parts) and not late


def _border(body: Body) -> list[int]:
    """Return the nodes of some axes that are operands of elements."""
    elements = (node for node, at in zip(body.nodes, body.levels, strict=True) if at == ELEMENT)
    found = {k for node in elements for k in node.operands if body.levels[k] == PARTIAL}
    return sorted(k for k in found if not body.nodes[k].reduces)


def _passes(body: Body, count: int, early: bool) -> list[Pass]:
    found = [_reductions_at(body, depth) for depth in range(count)]
    pending, loads = body.stores(ELEMENT), dict[int, str]()
    for depth, now in enumerate(found):
        now.loads = dict(loads)
        later = [body.nodes[i].operands[0] for after in found[depth + 1 :] for i in after.reduced]
        if early:
            all_known = all(body.depths[i] <= depth for i in pending.values())
            if now.reduced and not later and all_known:
                now.stores = pending  # so that no other pass is needed
            else:
                now.stores = _storable(body, now, pending, later)
            pending = {name: i for name, i in pending.items() if name not in now.stores}
            loads |= {i: name for name, i in now.stores.items()}
    return [*found, Pass(stores=pending, loads=loads)]


def _computed(body: Body, now: Pass) -> set[int]:
    """Return the element nodes that the pass computes for its reductions."""
    roots = [body.nodes[i].operands[0] for i in now.reduced]
    return {i for i in body.ancestors(roots, now.loads.keys()) if body.levels[i] == ELEMENT}


def _reductions_at(body: Body, depth: int) -> Pass:
    now = [i for i, at in enumerate(body.depths) if at == depth + 1 and body.nodes[i].reduces]
    over = [i for i in now if body.over_parts(i)]
    return Pass(
        reductions=[i for i in now if i in body.reductions and i not in over],
        partial_reductions=[i for i in now if i in body.partial_reductions and i not in over],
        over_parts=over,
    )


def _storable(
    body: Body, now: Pass, pending: dict[str, int], later: Iterable[int]
) -> dict[str, int]:
    """Choose new values that the pass computes, of arrays whose old values no later pass needs."""
    nodes = _computed(body, now)
    stores = {name: i for name, i in pending.items() if i in nodes}
    while True:
        roots = [*later, *(i for name, i in pending.items() if name not in stores)]
        needed = body.ancestors(roots, {*now.loads, *stores.values()})
        read = {body.nodes[i].name for i in needed if body.nodes[i].op == "array"}
        if not read & stores.keys():
            return stores
        stores = {name: i for name, i in stores.items() if name not in read}
