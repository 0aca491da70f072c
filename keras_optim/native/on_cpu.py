"""On a CPU: one C function with OpenMP, and the tables that it is called with.

Threads share the elements of all items, in order, and wait for each other at the end of a pass.
"""

import ctypes
import itertools
import math
from collections.abc import Mapping, Sequence
from string import Template
from typing import Any

import torch

from keras_optim.native import building
from keras_optim.native.layout import Body
from keras_optim.native.operations import HELPERS
from keras_optim.native.source import Text, Writer, joined, place, product
from keras_optim.native.tracing import Graph

load = building.load


def write(graphs: Sequence[Graph], leading: str) -> Text:
    """The C function that does what `graphs` say, one of them for each item.

    Raises:
        Refused: see `source.Writer`.
    """
    writer = _Writer(graphs, leading)
    return writer.text(writer.function())


class Tables:
    """What the function is called with, for some items whose tensors stay where they are."""

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
        self._run, self._sums, self._count = run, text.sums, len(sizes)
        self._size = (ctypes.c_int64 * len(sizes))(*sizes)
        self._body = (ctypes.c_int64 * len(sizes))(*[text.bodies[i] for i in rows])
        lengths, starts = list[int](), [0]
        for shape, i in zip(shapes, rows, strict=True):
            from_last = [*reversed(shape), *[1] * text.axes][: text.axes]
            lengths += from_last
            parts = [math.prod(from_last[-a - 1] for a in of) for of in text.partial_sums[i]]
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
        self._threads = 0

    def run(self, leading: list[Any]) -> None:
        """Call the function, with the addresses of the leading arrays."""
        threads = torch.get_num_threads()
        if threads != self._threads:
            self._threads = threads
            self._part = (ctypes.c_double * (self._count * self._sums * threads))()
            self._of_parts = (ctypes.c_double * (self._parts * (threads + 1)))()
        self._table[self._places] = leading
        self._run(
            self._count,
            self._size,
            self._body,
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
    SUM = "sum_of(part + (i * SUMS + {place}) * T, T)"
    PLACE = "const int64_t c = j - row * C;"
    TO_PART = "mine_{place}[{at}] += {value};"
    SHAPE = "const int64_t *const D = lengths + i * AXES; const int64_t C = D[0];"
    PART = (
        "double *__restrict__ part_{place} = all_parts + T * starts[n * PARTS] + "
        "starts[i * PARTS + {place}];"
    )

    def function(self) -> str:
        """All of it."""
        return FUNCTION.substitute(
            helpers=HELPERS.format(qualifiers="static inline"),
            sums=self.sums,
            arrays=len(self.arrays),
            parts=self.parts,
            axes=self.axes,
            width=self.width,
            constants=self.constant_lines(),
            work=self._work(),
        )

    def _work(self) -> str:
        """All passes, with what is known before, between and after them."""
        parts = [self._known_to_all(0)]
        for depth in range(self.layout.passes):
            parts += [self._pass(depth), BARRIER]
            parts += [self._together(depth), BARRIER] if self._parts_at(depth) else []
            parts += [self._totals(depth + 1), self._known_to_all(depth + 1)]
        return joined([*parts, self._last_pass(), BARRIER, self._numbers()])

    def _for_each_item(self, texts: Sequence[str], before: str = "") -> str:
        """A loop over all items, in which each is done by the text of its body."""
        if not any(texts):
            return ""
        text = before + self._by_body(texts)
        return f"for (int64_t i = 0, at = 0; i < n; at += size[i++]) {{\n{text}\n}}"

    def _pass(self, depth: int) -> str:
        """Sums: blocks in their own type, then in double."""
        texts = []
        for body in self.layout.bodies:
            now, of_parts, _ = self._now(body, depth)
            parts = self._summing(body, now, of_parts)
            mine = [MINE.substitute(place=body.partial_sums.index(i)) for i in of_parts]
            keep = [f"part[(i * SUMS + {body.sums.index(i)}) * T + r] = sum{i};" for i in now]
            loop = LOOP.substitute(
                parts,
                over=ROWS if body.by_rows else BLOCKS,
                reduction=f" reduction(+ : {parts['sums']})" if parts["sums"] else "",
            )
            lines = [parts["head"], parts["start"], *mine, loop, *keep]
            texts.append(joined(lines) if now or of_parts else "")
        return self._for_each_item(texts, RANGE)

    def _together(self, depth: int) -> str:
        """What threads have added to parts, together; and sums of parts: by one thread an item."""
        texts = []
        for body in self.layout.bodies:
            _, of_parts, over = self._now(body, depth)
            sums = [TOGETHER.substitute(place=body.partial_sums.index(i)) for i in of_parts]
            if sums:
                sums = ["{", *self._parts(body), *sums, "}"]
            texts.append(joined([*sums, *[self._over(body, i) for i in over]]))
        return f"for (int64_t i = r; i < n; i += T) {{\n{self._by_body(texts)}\n}}"

    def _over(self, body: Body, i: int) -> str:
        """A sum of parts."""
        head, length, lines, value = self._over_parts(body, i)
        of, spread = body.nodes[body.nodes[i].operands[0]].spread, body.nodes[i].spread
        if body.nodes[i].op == "sum":
            before, add = f"double sum{i} = 0;", f"sum{i} += {value};"
            after = KEEP.substitute(place=body.sums.index(i), i=i)
        else:
            k = body.partial_sums.index(i)
            before = f"for (int64_t p = 0; p < {product(spread)}; p++) part_{k}[p] = 0;"
            add, after = f"part_{k}[{place(spread, sorted(of), 'p')}] += {value};", ""
        loop = f"for (int64_t p = 0; p < {length}; p++) {{\n{lines}\n{add}\n}}"
        return joined(["{", head, before, loop, after, "}"])

    def _totals(self, depth: int) -> str:
        """The sums over all items of what is known after `depth` passes: by each thread."""
        now = self._totals_at(depth)
        texts = [self._adding(body, now) if now else "" for body in self.layout.bodies]
        starts = [f"double over{k} = 0;" for k in now]
        ends = [f"const {self._total_type(k)} total{k} = over{k};" for k in now]
        return joined([*starts, self._for_each_item(texts), *ends])

    def _last_pass(self) -> str:
        """New values of the elements."""
        texts = []
        for body in self.layout.bodies:
            head, lines = self._storing_elements(body)
            parts = dict.fromkeys(("reduction", "block", "add", "add_to_parts", "add_block"), "")
            over = ROWS if body.by_rows else BLOCKS
            loop = LOOP.substitute(parts, over=over, lines=lines)
            texts.append(f"{head}\n{loop}" if lines else "")
        return self._for_each_item(texts, RANGE + "if (a >= b) continue;\n")

    def _numbers(self) -> str:
        """New values of single numbers: by one thread, when all threads have read the old ones."""
        texts = []
        for body in self.layout.bodies:
            loops = [
                f"{{\n{head}\nfor (int64_t p = 0; p < {length}; p++) {{\n{lines}\n}}\n}}"
                for head, length, lines in self._storing_parts(body)
            ]
            texts.append(joined([*loops, self._storing_numbers(body)]))
        text = joined([self._for_each_item(texts), self._storing_shared()])
        return "if (r == 0) {\n" + text + "\n}"


BARRIER = "#pragma omp barrier"

RANGE = """const int64_t a = lo > at ? lo - at : 0, b = hi - at < size[i] ? hi - at : size[i];
"""

BLOCKS = """for (int64_t from = a; from < b; from += BLOCK) {
const int64_t to = from + BLOCK < b ? from + BLOCK : b;"""

ROWS = """for (int64_t row = C ? a / C : 0; row * C < b; row++) {
const int64_t from = row * C < a ? a : row * C, to = (row + 1) * C < b ? (row + 1) * C : b;"""

LOOP = Template("""$over
$block
#pragma omp simd$reduction
for (int64_t j = from; j < to; j++) {
$lines
$add
$add_to_parts
}
$add_block
}""")

MINE = Template("""double *__restrict__ mine_$place = all_parts + r * starts[n * PARTS] +
  starts[i * PARTS + $place];
for (int64_t p = 0; p < starts[i * PARTS + $place + 1] - starts[i * PARTS + $place]; p++)
  mine_$place[p] = 0;""")

TOGETHER = Template("""for (int64_t p = starts[i * PARTS + $place], q = 0;
     p < starts[i * PARTS + $place + 1]; p++, q++) {
  part_$place[q] = 0;
  for (int64_t t = 0; t < T; t++) part_$place[q] += all_parts[t * starts[n * PARTS] + p];
}""")

KEEP = Template(
    "for (int64_t t = 0; t < T; t++) part[(i * SUMS + $place) * T + t] = t ? 0 : sum$i;"
)

FUNCTION = Template("""#include <math.h>
#include <omp.h>
#include <stdint.h>
$helpers
static inline double sum_of(const double *part, int64_t threads) {
  double sum = 0;
  for (int64_t r = 0; r < threads; r++) sum += part[r];
  return sum;
}
enum { SUMS = $sums, PARTS = $parts, AXES = $axes, ARRAYS = $arrays, WIDTH = $width };
enum { BLOCK = 4096, ALONE = 32768 };

void run(int64_t n, const int64_t *size, const int64_t *body, const int64_t *lengths,
         const int64_t *starts, void **p, const double *parameters, const double *constants,
         void **shared, int64_t threads, double *part, double *all_parts) {
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
