"""CPU source: one C function with OpenMP.

Without reductions, threads share the elements of all items, in order. With reductions, a thread
takes one item after the other and does all passes over it. So later passes find their inputs in the
processor's cache, and no thread waits for one that the system has suspended. Threads share an item
that is large beside all others. They share all items if the function sums over all of them. Then
they wait for each other at the end of each pass.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from keras_optim.codegen.cpu_templates import (
    ALL,
    BARRIER,
    BLOCKS,
    COUNT,
    DECLARE,
    FUNCTION,
    KEEP,
    LOOP,
    MINE,
    MINE_OF,
    OF_THREADS,
    ONE_BY_ONE,
    PART_OF_ALL,
    PART_OF_ONE,
    ROWS,
    TOGETHER,
    WAIT,
)
from keras_optim.codegen.grouping import Body
from keras_optim.codegen.halves import BLOCKS as BLOCKS_OF_HALVES
from keras_optim.codegen.indexing import joined, parameters_of, place, product
from keras_optim.codegen.loops import Writer, many_type
from keras_optim.codegen.operations import EXTREMES, HELPERS, REDUCTIONS, reducing
from keras_optim.codegen.schedule import Pass

BLOCK, BUFFER = 4096, 1024
"""The elements of a block: their numbers are reduced together. Buffers fit into the first cache."""
SIGNATURE = {
    "n": "int64_t",
    "size": "const int64_t *",
    "body": "const int64_t *",
    "order": "const int64_t *",
    "lengths": "const int64_t *",
    "starts": "const int64_t *",
    "p": "void **",
    "parameters": "const double *",
    "constants": "const double *",
    "shared": "void **",
    "threads": "int64_t",
    "part": "double *",
    "all_parts": "double *",
}
"""The parameters of the function, in order, and their types."""


class CWriter(Writer):
    """One function `run` with OpenMP, which takes `SIGNATURE`.

    Raises:
        Refused: see `loops.Writer`.
    """

    REDUCED = "{op}_of(part + (i * SUMS + {place}) * T, W)"
    PLACE = "const int64_t c = j - row * C;"
    PARTIAL = "mine_{place}[{at}]"
    SHAPE = "const int64_t *const D = lengths + i * AXES; const int64_t C = D[0];"
    PART = (
        "{type} *__restrict__ part_{place} = ({type} *)(all_parts + T * starts[n * PARTS] + "
        "starts[i * PARTS + {place}]);"
    )
    EARLY = True

    def function(self) -> str:
        """Return the source of the function."""
        buffered = any(map(self._buffers, self.layout.bodies))
        return FUNCTION.substitute(
            helpers=HELPERS.format(qualifiers="static inline") + self._halves("static inline"),
            blocks=BLOCKS_OF_HALVES if buffered else "",
            block_size=BUFFER if buffered else BLOCK,
            reductions=joined(self._reductions()),
            sums=self.reductions,
            arrays=len(self.arrays),
            parts=self.parts,
            axes=self.axes,
            width=self.width,
            constants=self.constant_lines(),
            signature=parameters_of(SIGNATURE),
            work=self._work(),
        )

    def _buffers(self, body: Body) -> Sequence[str]:
        arrays = (node for node in body.nodes if node.op == "array" and node.element)
        halves = () if body.by_rows else arrays
        return [node.name for node in halves if node.dtype == torch.float16]

    def _reductions(self) -> list[str]:
        """Return the helper functions that reduce the partial results of threads."""
        extremes = [op for op in self.ops if REDUCTIONS[op].clause == op]
        return [
            *([EXTREMES] if extremes else []),
            *[DECLARE.substitute(reducing(op, "omp_out", "omp_in")) for op in extremes],
            *[OF_THREADS.substitute(reducing(op, "sum", "part[r]")) for op in self.ops],
        ]

    def _work(self) -> str:
        """Return all passes, and the numbers that become known before, between and after them."""
        parts, wait = [], WAIT if self.one_by_one else BARRIER
        for depth in range(self.layout.passes):
            parts += [self._pass(depth), wait]
            parts += [self._together(depth), wait] if self._parts_at(depth) else []
            parts += [self._totals(depth + 1), self._known_to_all(depth + 1)]
        numbers = self._numbers()
        parts += [self._pass(self.layout.passes), wait if numbers else "", numbers]
        work = (ONE_BY_ONE if self.one_by_one else ALL).substitute(passes=joined(parts))
        shared = self._storing_shared()
        last = [BARRIER, f"if (r == 0) {{\n{shared}\n}}"] if shared else []
        return joined([self._known_to_all(0), work, *last])

    @property
    def one_by_one(self) -> bool:
        """Whether a thread does all passes over an item before the next item."""
        return bool(self.layout.passes) and not self.layout.totals

    def _for_each_item(self, texts: Sequence[str], before: str = "") -> str:
        """Return the text of each item's body, inside a loop unless items come one by one."""
        if not any(texts):
            return ""
        text = before + self._by_body(texts)
        if self.one_by_one:
            return f"{{\n{text}\n}}"
        return f"for (int64_t i = 0, at = 0; i < n; at += size[i++]) {{\n{text}\n}}"

    def _pass(self, depth: int) -> str:
        """Return new values and reductions: of a block in its own type, of blocks in double."""
        texts = []
        for body, plan in self.plans.items():
            now, pieces = plan.passes[depth], self._loop(body, depth)
            texts.append(self._elements(body, now, pieces) if pieces else "")
        return self._for_each_item(texts, PART_OF_ONE if self.one_by_one else PART_OF_ALL)

    def _elements(self, body: Body, now: Pass, pieces: Mapping[str, str]) -> str:
        mine = [MINE.substitute(self._of_partial(body, i)) for i in now.partial_reductions]
        keep = [
            f"part[(i * SUMS + {body.reductions.index(i)}) * T + w] = sum{i};"
            for i in now.reductions
        ]
        used = [n for n in self._buffers(body) if f"{n}_b[" in pieces["lines"] + pieces["add"]]
        load = [f"float {n}_b[BLOCK];\nload_float16({n}_b, {n}_p + from, to - from);" for n in used]
        stored = [n for n in used if n in now.stores]
        store = [f"store_float16({n}_p + from, {n}_b, to - from);" for n in stored]
        loop = LOOP.substitute(
            pieces,
            over=ROWS if body.by_rows else BLOCKS,
            load=joined(load),
            store=joined(store),
        )
        return joined([pieces["head"], pieces["start"], *mine, loop, *keep])

    def _of_partial(self, body: Body, i: int) -> dict[str, Any]:
        k = body.partial_reductions.index(i)
        kind = many_type(body, i)
        of_thread = MINE_OF.substitute(kind=kind, place=k, thread="t")
        return {
            "place": k,
            "kind": kind,
            "count": COUNT.substitute(place=k),
            "mine": MINE_OF.substitute(kind=kind, place=k, thread="w"),
            **reducing(body.nodes[i].op, f"part_{k}[p]", f"({of_thread})[p]"),
        }

    def _together(self, depth: int) -> str:
        """Reduce the results of all threads, and then parts. One thread does each item."""
        texts = []
        for body, plan in self.plans.items():
            now = plan.passes[depth]
            parts = [TOGETHER.substitute(self._of_partial(body, i)) for i in now.partial_reductions]
            if parts:
                parts = ["{", *self._parts(body), *parts, "}"]
            over = [self._over(body, i) for i in now.over_parts]
            kept = [
                "{{\n{}\nfor (int64_t p = 0; p < {}; p++) {{\n{}\n}}\n}}".format(
                    *self._keeping(body, i)
                )
                for i in plan.kept
                if body.depths[i] == depth + 1
            ]
            texts.append(joined([*parts, *over, *kept]))
        loop = "if (w == 0)" if self.one_by_one else "for (int64_t i = r; i < n; i += T)"
        return f"{loop} {{\n{self._by_body(texts)}\n}}"

    def _over(self, body: Body, i: int) -> str:
        """Return a reduction of parts."""
        head, length, lines, value = self._over_parts(body, i)
        of, spread = body.nodes[body.nodes[i].operands[0]].spread, body.nodes[i].spread
        reduction = REDUCTIONS[body.nodes[i].op]
        if body.nodes[i].partial:
            k = body.partial_reductions.index(i)
            start = f"part_{k}[p] = {reduction.start};"
            before = f"for (int64_t p = 0; p < {product(spread)}; p++) {start}"
            target, after = f"part_{k}[{place(spread, sorted(of), 'p')}]", ""
        else:
            before, target = f"double sum{i} = {reduction.start};", f"sum{i}"
            after = KEEP.substitute(place=body.reductions.index(i), i=i, start=reduction.start)
        add = f"{reduction.add.format(target, value)};"
        loop = f"for (int64_t p = 0; p < {length}; p++) {{\n{lines}\n{add}\n}}"
        return joined(["{", head, before, loop, after, "}"])

    def _totals(self, depth: int) -> str:
        """Return the sums over all items that are known after `depth` passes, by each thread."""
        now = self._totals_at(depth)
        texts = [self._adding(body, now) if now else "" for body in self.layout.bodies]
        starts = [f"double over{k} = 0;" for k in now]
        ends = [f"const {self._total_type(k)} total{k} = over{k};" for k in now]
        return joined([*starts, self._for_each_item(texts), *ends])

    def _numbers(self) -> str:
        """Store new single numbers by one thread, after all threads have read the old ones."""
        texts = []
        for body in self.layout.bodies:
            loops = [
                f"{{\n{head}\nfor (int64_t p = 0; p < {length}; p++) {{\n{lines}\n}}\n}}"
                for head, length, lines in self._storing_parts(body)
            ]
            texts.append(joined([*loops, self._storing_numbers(body)]))
        loop = self._for_each_item(texts)
        return "if (w == 0) {\n" + loop + "\n}" if loop else ""
