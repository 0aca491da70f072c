"""On a CPU: one C function with OpenMP, and the tables that it is called with.

Without sums, threads share the elements of all items, in order. With sums, a thread takes one item
after the other and goes through all its passes: so later passes find much of what they need in the
processor's cache, and no thread waits for another, which may not even run at the moment. Items that
are large beside all others are shared, and so is everything where something is summed over all
items: there the threads wait for each other at the end of a pass.
"""

import ctypes
import itertools
import math
from collections.abc import Mapping, Sequence
from functools import partial
from string import Template
from typing import Any

import torch

from keras_optim.codegen import building
from keras_optim.codegen.expressions import Text
from keras_optim.codegen.graph import Graph
from keras_optim.codegen.grouping import Body
from keras_optim.codegen.indexing import joined, place, product
from keras_optim.codegen.loops import Writer, many_type
from keras_optim.codegen.operations import EXTREMES, HELPERS, REDUCTIONS, reducing
from keras_optim.codegen.schedule import Pass

load = building.load
ALONE = 32768
"""Elements up to which one thread does them all."""


def write(graphs: Sequence[Graph], leading: str) -> Text:
    """The C function that does what `graphs` say, one of them for each item.

    Raises:
        Refused: see `source.Writer`.
    """
    writer = _Writer(graphs, leading)
    return writer.text(writer.function())


class Tables:
    """What the function is called with, for some items whose tensors stay where they are."""

    BLOCKS_OF_ROWS = False
    """Whether a loop over rows is cut into blocks."""

    def __init__(
        self,
        text: Text,
        run: Any,
        sizes: Sequence[int],
        shapes: Sequence[tuple[int, ...]],
        rows: Sequence[int],
        arrays: Mapping[str, Sequence[int]],
        shared: Sequence[int],
        device: torch.device,
    ):
        self._run, self._sums, self._count = run, text.reductions, len(sizes)
        self._size = (ctypes.c_int64 * len(sizes))(*sizes)
        self._body = (ctypes.c_int64 * len(sizes))(*[text.bodies[i] for i in rows])
        order = sorted(range(len(sizes)), key=lambda i: -sizes[i])
        self._order = (ctypes.c_int64 * len(sizes))(*order)
        lengths, starts = list[int](), [0]
        for shape, i in zip(shapes, rows, strict=True):
            from_last = [*reversed(shape), *[1] * text.axes][: text.axes]
            lengths += from_last
            spreads = [*text.partial_reductions[i], *text.kept[i]]
            parts = [math.prod(from_last[-a - 1] for a in of) for of in spreads]
            parts += [0] * (text.parts - len(parts))
            starts += [starts[-1] + end for end in itertools.accumulate(parts)]
        self._parts = starts[-1]
        self._lengths = (ctypes.c_int64 * len(lengths))(*lengths)
        self._starts = (ctypes.c_int64 * len(starts))(*starts)
        self._parameters = _doubles([v for i in rows for v in text.parameters[i]])
        self._constants = _doubles(text.constants)
        self._shared = (ctypes.c_void_p * len(shared))(*shared)
        self._table = (ctypes.c_void_p * (len(sizes) * len(text.arrays)))()
        for n, name in enumerate(text.arrays):
            if name in arrays:
                self._table[n :: len(text.arrays)] = list(arrays[name])
            else:
                self._places = slice(n, None, len(text.arrays))
        self._alone = sum(sizes) < ALONE
        self.ways = [partial(self._call, 1), lambda at: self._call(torch.get_num_threads(), at)]
        """All ways in which it may run, whatever the sizes."""
        self._threads = 0

    def run(self, leading: list[Any]) -> None:
        """Call the function, with the addresses of the leading arrays."""
        self._call(1 if self._alone else torch.get_num_threads(), leading)

    def _call(self, threads: int, leading: list[Any]) -> None:
        if threads != self._threads:
            self._threads = threads
            self._part = (ctypes.c_double * (self._count * self._sums * threads))()
            self._of_parts = (ctypes.c_double * (self._parts * (threads + 1)))()
        self._table[self._places] = leading
        self._run(
            self._count,
            self._size,
            self._body,
            self._order,
            self._lengths,
            self._starts,
            self._table,
            self._parameters,
            self._constants,
            self._shared,
            threads,
            self._part,
            self._of_parts,
        )


def _doubles(values: Sequence[float]) -> Any:
    return (ctypes.c_double * len(values))(*values)


class _Writer(Writer):
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
        """All of it."""
        return FUNCTION.substitute(
            helpers=HELPERS.format(qualifiers="static inline"),
            reductions=joined(self._reductions()),
            sums=self.reductions,
            arrays=len(self.arrays),
            parts=self.parts,
            axes=self.axes,
            width=self.width,
            constants=self.constant_lines(),
            work=self._work(),
        )

    def _reductions(self) -> list[str]:
        """The functions that reduce what threads have reduced."""
        extremes = [op for op in self.ops if REDUCTIONS[op].clause == op]
        return [
            *([EXTREMES] if extremes else []),
            *[DECLARE.substitute(reducing(op, "omp_out", "omp_in")) for op in extremes],
            *[OF_THREADS.substitute(reducing(op, "sum", "part[r]")) for op in self.ops],
        ]

    def _work(self) -> str:
        """All passes, with what is known before, between and after them."""
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
        """Whether all passes over an item are made before the next item."""
        return bool(self.layout.passes) and not self.layout.totals

    def _for_each_item(self, texts: Sequence[str], before: str = "") -> str:
        """Items, each done by the text of its body, in a loop where they are not one by one."""
        if not any(texts):
            return ""
        text = before + self._by_body(texts)
        if self.one_by_one:
            return f"{{\n{text}\n}}"
        return f"for (int64_t i = 0, at = 0; i < n; at += size[i++]) {{\n{text}\n}}"

    def _pass(self, depth: int) -> str:
        """New values, and reductions: blocks in their own type, then in double."""
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
        loop = LOOP.substitute(
            pieces,
            over=ROWS if body.by_rows else BLOCKS,
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
        """What threads have reduced, together; and reductions of parts: by one thread an item."""
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
        """A reduction of parts."""
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
        """The sums over all items of what is known after `depth` passes: by each thread."""
        now = self._totals_at(depth)
        texts = [self._adding(body, now) if now else "" for body in self.layout.bodies]
        starts = [f"double over{k} = 0;" for k in now]
        ends = [f"const {self._total_type(k)} total{k} = over{k};" for k in now]
        return joined([*starts, self._for_each_item(texts), *ends])

    def _numbers(self) -> str:
        """New values of single numbers: by one thread, when all threads have read the old ones."""
        texts = []
        for body in self.layout.bodies:
            loops = [
                f"{{\n{head}\nfor (int64_t p = 0; p < {length}; p++) {{\n{lines}\n}}\n}}"
                for head, length, lines in self._storing_parts(body)
            ]
            texts.append(joined([*loops, self._storing_numbers(body)]))
        loop = self._for_each_item(texts)
        return "if (w == 0) {\n" + loop + "\n}" if loop else ""


BARRIER = "#pragma omp barrier"

WAIT = """if (W > 1) {
#pragma omp barrier
}"""

ALL = Template("""const int64_t W = T, w = r;
const int64_t lo = all * r / T & ~15LL, hi = r == T - 1 ? all : all * (r + 1) / T & ~15LL;
$passes""")

PART_OF_ALL = """const int64_t a = lo > at ? lo - at : 0, b = hi - at < size[i] ? hi - at : size[i];
"""

ONE_BY_ONE = Template("""int64_t shared_items = 0, done = 0;
while (T > 1 && shared_items < n && 2 * T * size[order[shared_items]] > all) shared_items++;
for (;;) {
int64_t i, W = T, w = r;
if (done < shared_items) {
i = order[done++];
} else {
#pragma omp atomic capture
i = taken++;
if (shared_items + i >= n) break;
i = order[shared_items + i], W = 1, w = 0;
}
$passes
}""")

PART_OF_ONE = """const int64_t a = size[i] * w / W & ~15LL;
const int64_t b = w == W - 1 ? size[i] : size[i] * (w + 1) / W & ~15LL;
"""

BLOCKS = """for (int64_t from = a; from < b; from += BLOCK) {
const int64_t to = from + BLOCK < b ? from + BLOCK : b;"""

ROWS = """for (int64_t row = C ? a / C : 0; row * C < b; row++) {
const int64_t from = row * C < a ? a : row * C, to = (row + 1) * C < b ? (row + 1) * C : b;"""

LOOP = Template("""$over
$block
#pragma omp simd$clauses
for (int64_t j = from; j < to; j++) {
$lines
$add
$add_to_parts
}
$add_block
}""")

COUNT = Template("starts[i * PARTS + $place + 1] - starts[i * PARTS + $place]")

MINE_OF = Template(
    "($kind *)(all_parts + $thread * starts[n * PARTS] + starts[i * PARTS + $place])"
)

MINE = Template("""$kind *__restrict__ mine_$place = $mine;
for (int64_t p = 0; p < $count; p++)
  mine_$place[p] = $start;""")

TOGETHER = Template("""for (int64_t p = 0; p < $count; p++) {
  part_$place[p] = $start;
  for (int64_t t = 0; t < W; t++) $add;
}""")

KEEP = Template(
    "for (int64_t t = 0; t < W; t++) part[(i * SUMS + $place) * T + t] = t ? $start : sum$i;"
)

DECLARE = Template(
    "#pragma omp declare reduction($op : float, double : $add) initializer(omp_priv = $start)"
)

OF_THREADS = Template("""static inline double ${op}_of(const double *part, int64_t threads) {
  double sum = $start;
  for (int64_t r = 0; r < threads; r++) $add;
  return sum;
}""")

FUNCTION = Template("""#include <math.h>
#include <stdint.h>
#ifdef _OPENMP
#include <omp.h>
#else
static inline int omp_get_num_threads(void) { return 1; }
static inline int omp_get_thread_num(void) { return 0; }
#endif
$helpers
$reductions
enum { SUMS = $sums, PARTS = $parts, AXES = $axes, ARRAYS = $arrays, WIDTH = $width };
enum { BLOCK = 4096 };

void run(int64_t n, const int64_t *size, const int64_t *body, const int64_t *order,
         const int64_t *lengths, const int64_t *starts, void **p, const double *parameters,
         const double *constants, void **shared, int64_t threads, double *part,
         double *all_parts) {
$constants
int64_t all = 0, taken = 0;
for (int64_t i = 0; i < n; i++) all += size[i];
#pragma omp parallel num_threads(threads)
{
const int64_t T = omp_get_num_threads(), r = omp_get_thread_num();
$work
}
}
""")
