"""On a CPU: one C function with OpenMP, and the tables that it is called with.

Threads share the elements of all items, in order, and wait for each other at the end of a pass.
"""

import ctypes
from collections.abc import Mapping, Sequence
from string import Template
from typing import Any

import torch

from keras_optim.native import building
from keras_optim.native.operations import HELPERS
from keras_optim.native.source import Text, Writer, joined
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
        widths: Sequence[int],
        rows: Sequence[int],
        arrays: Mapping[str, Sequence[int]],
        shared: Sequence[int],
        device: torch.device,
    ):
        self._run, self._sums, self._count = run, text.sums, len(sizes)
        self._size = (ctypes.c_int64 * len(sizes))(*sizes)
        self._body = (ctypes.c_int64 * len(sizes))(*[text.bodies[i] for i in rows])
        spans, self._columns = [], 0
        for width, i in zip(widths, rows, strict=True):
            spans += [width, self._columns]
            self._columns += width * text.column_sums[i]
        self._spans = (ctypes.c_int64 * (len(spans) + 1))(*spans, self._columns)
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
            self._of_columns = (ctypes.c_double * (self._columns * (threads + 1)))()
        self._table[self._places] = leading
        self._run(
            self._count,
            self._size,
            self._body,
            self._spans,
            self._table,
            self._parameters,
            self._constants,
            self._shared,
            threads,
            self._part,
            self._of_columns,
        )


def _doubles(values: Sequence[float]) -> Any:
    return (ctypes.c_double * len(values))(*values)


class _Writer(Writer):
    SUM = "sum_of(part + (i * SUMS + {place}) * T, T)"
    PLACE = "const int64_t c = j - row * C;"
    TO_COLUMN = "mine[{place} * C + c] += {value};"
    COLUMNS = (
        "const int64_t C = spans[2 * i]; double *__restrict__ columns = all_columns + "
        "T * spans[2 * n] + spans[2 * i + 1];"
    )

    def function(self) -> str:
        """All of it."""
        return FUNCTION.substitute(
            helpers=HELPERS.format(qualifiers="static inline"),
            sums=self.sums,
            arrays=len(self.arrays),
            width=self.width,
            constants=self.constant_lines(),
            work=self._work(),
        )

    def _work(self) -> str:
        """All passes, with what is known before, between and after them."""
        parts = [self._known_to_all(0)]
        for depth in range(self.layout.passes):
            parts += [self._pass(depth), BARRIER]
            parts += [self._columns(depth), BARRIER] if self._columns_at(depth) else []
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
            now, columns, _ = self._now(body, depth)
            parts = self._summing(body, now, columns)
            zeros = [ZEROS.substitute(place=body.column_sums.index(i)) for i in columns]
            keep = [f"part[(i * SUMS + {body.sums.index(i)}) * T + r] = sum{i};" for i in now]
            loop = LOOP.substitute(
                parts,
                over=ROWS if body.column_sums else BLOCKS,
                reduction=f" reduction(+ : {parts['sums']})" if now else "",
            )
            lines = [parts["head"], parts["start"], *[MINE][: len(zeros)], *zeros, loop, *keep]
            texts.append(joined(lines) if now or columns else "")
        return self._for_each_item(texts, RANGE)

    def _columns(self, depth: int) -> str:
        """What threads have added to columns, together; and sums over columns: by one thread."""
        texts = []
        for body in self.layout.bodies:
            _, columns, over = self._now(body, depth)
            head, lines, adds = self._over_columns(body, over)
            together = joined(TOGETHER.substitute(place=body.column_sums.index(i)) for i in columns)
            keep = joined(
                f"for (int64_t t = 0; t < T; t++) "
                f"part[(i * SUMS + {body.sums.index(i)}) * T + t] = t ? 0 : sum{i};"
                for i in over
            )
            loop = f"for (int64_t c = 0; c < C; c++) {{\n{lines}\n{adds}\n}}" if over else ""
            texts.append(joined([head, together, loop, keep]) if columns else "")
        return f"for (int64_t i = r; i < n; i += T) {{\n{self._by_body(texts)}\n}}"

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
            parts = dict.fromkeys(("reduction", "block", "add", "add_to_columns", "add_block"), "")
            over = ROWS if body.column_sums else BLOCKS
            loop = LOOP.substitute(parts, over=over, lines=lines)
            texts.append(f"{head}\n{loop}" if lines else "")
        return self._for_each_item(texts, RANGE + "if (a >= b) continue;\n")

    def _numbers(self) -> str:
        """New values of single numbers: by one thread, when all threads have read the old ones."""
        texts = [self._storing_numbers(body) for body in self.layout.bodies]
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
$add_to_columns
}
$add_block
}""")

MINE = "double *__restrict__ mine = all_columns + r * spans[2 * n] + spans[2 * i + 1];"

ZEROS = Template("for (int64_t c = $place * C; c < ($place + 1) * C; c++) mine[c] = 0;")

TOGETHER = Template("""for (int64_t c = $place * C; c < ($place + 1) * C; c++) {
  columns[c] = 0;
  for (int64_t t = 0; t < T; t++)
    columns[c] += all_columns[t * spans[2 * n] + spans[2 * i + 1] + c];
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
enum { SUMS = $sums, ARRAYS = $arrays, WIDTH = $width, BLOCK = 4096, ALONE = 32768 };

void run(int64_t n, const int64_t *size, const int64_t *body, const int64_t *spans, void **p,
         const double *parameters, const double *constants, void **shared, int64_t threads,
         double *part, double *all_columns) {
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
