"""CUDA source: one kernel, launched once for each *phase*.

The end of a launch takes the place of a CPU's barrier. Each block of threads reduces a chunk of an
item. Then one block per item reduces the results of its chunks, and one thread adds up the totals.
At last chunks store elements, and one block stores single numbers.
"""

from collections.abc import Sequence
from string import Template
from typing import Any

from keras_optim.codegen.graph import Graph, Refused
from keras_optim.codegen.grouping import Body
from keras_optim.codegen.indexing import joined, parameters_of
from keras_optim.codegen.loops import Writer
from keras_optim.codegen.operations import EXTREMES, HELPERS, REDUCTIONS, reducing

THREADS = 256
"""The most threads of a block."""
QUALIFIERS = "static __device__ inline"
"""Of the functions beside the kernel."""
SIGNATURE = {
    "phase": "int",
    "n": "int",
    "size": "const int64_t *",
    "body": "const int64_t *",
    "spans": "const int64_t *",
    "p": "void **",
    "leading": "void **",
    "parameters": "const double *",
    "constants": "const double *",
    "shared": "void **",
    "chunk": "const int64_t *",
    "first": "const int64_t *",
    "part": "double *",
    "sums": "double *",
    "totals": "double *",
    "partial": "double *",
    "all_columns": "double *",
}
"""The parameters of the kernel, in order, and their types."""


class CudaWriter(Writer):
    """One kernel `run`, which takes `SIGNATURE`.

    Raises:
        Refused: see `loops.Writer`; or a node lies along other axes than the last.
    """

    REDUCED = "sums[i * SUMS + {place}]"
    LEADING = "leading[i]"
    PLACE = "const int64_t c = j % C;"
    PARTIAL = "column{i}"
    SHAPE = "const int64_t C = spans[2 * i];"
    PART = (
        "{type} *__restrict__ part_{place} = ({type} *)(all_columns + spans[2 * i + 1] + "
        "{place} * C);"
    )

    def __init__(self, graphs: Sequence[Graph], leading: str):
        super().__init__(graphs, leading)
        for node in (node for body in self.layout.bodies for node in body.nodes if node.partial):
            if node.spread != {-1} or node.op == "array":
                raise Refused("on CUDA, a reduction or an array along other axes than the last")

    def phases(self) -> list[tuple[str, str]]:
        """Return, for each phase, which blocks take part in it and its text."""
        found = []
        for depth in range(self.layout.passes):
            found += [("chunks", self._pass(depth)), ("items", self._together(depth))]
            found += [("one", self._totals(depth + 1))] if self._totals_at(depth + 1) else []
        found += [("chunks", self._pass(self.layout.passes)), ("one", self._numbers())]
        return [(kind, text) for kind, text in found if text]

    def function(self, phases: Sequence[tuple[str, str]]) -> str:
        """Return the source of the kernel."""
        cases = [f"case {n}: {{\n{text}\n}} break;" for n, (_, text) in enumerate(phases)]
        return KERNEL.substitute(
            helpers=HELPERS.format(qualifiers=QUALIFIERS) + self._halves(QUALIFIERS),
            sums=self.reductions,
            reductions=joined(
                [
                    *([EXTREMES] if any(not REDUCTIONS[op].rounds for op in self.ops) else []),
                    *[OF_BLOCK.substitute(reducing(op, HALF, OTHER_HALF)) for op in self.ops],
                ]
            ),
            arrays=len(self.arrays),
            width=self.width,
            threads=THREADS,
            constants=self.constant_lines(),
            signature=parameters_of(SIGNATURE),
            work=joined(cases),
        )

    def _known(self, depth: int) -> str:
        """Return the declarations of all shared numbers that are known after `depth` passes."""
        parts = [self._known_to_all(0)]
        for at in range(1, depth + 1):
            parts += [
                f"const {self._total_type(k)} total{k} = totals[{k}];" for k in self._totals_at(at)
            ]
            parts.append(self._known_to_all(at))
        return joined(parts)

    def _for_the_chunk(self, depth: int, texts: Sequence[str]) -> str:
        if not any(texts):
            return ""
        return joined([self._known(depth), RANGE, self._by_body(texts)])

    def _pass(self, depth: int) -> str:
        """Reduce a chunk: a thread in the reduction's own type, then the block in double."""
        texts = []
        for body, plan in self.plans.items():
            now, pieces = plan.passes[depth], self._loop(body, depth)
            keep = [OF_CHUNK.substitute(self._of_reduction(body, i)) for i in now.reductions]
            columns = now.partial_reductions
            starts = {i: REDUCTIONS[body.nodes[i].op].start for i in columns}
            start = joined(f"double column{i} = {starts[i]};" for i in columns)
            end = joined(
                f"partial[mine[3] + {body.partial_reductions.index(i)} * C + c] = column{i};"
                for i in columns
            )
            loop = REDUCING_COLUMNS if columns else REDUCING
            more = {"keep": joined(keep), "start_columns": start, "end_columns": end}
            texts.append(loop.substitute(pieces, **more) if pieces else "")
        return self._for_the_chunk(depth, texts)

    def _together(self, depth: int) -> str:
        """Reduce the results of an item's chunks, and then its columns."""
        texts = []
        for body, plan in self.plans.items():
            now = plan.passes[depth]
            lines = [OF_ITEM.substitute(self._of_reduction(body, i)) for i in now.reductions]
            if now.partial_reductions:
                lines += [self._known(depth), "__syncthreads();", "{", *self._parts(body)]
                lines += [
                    COLUMN_OF_ITEM.substitute(self._of_reduction(body, i))
                    for i in now.partial_reductions
                ]
                lines += ["}", "__syncthreads();"]
                for i in now.over_parts:
                    head, _, each, value = self._over_parts(body, i)
                    of = self._of_reduction(body, i, f"sum{i}", value)
                    lines += [OVER.substitute(of, head=head, lines=each), "__syncthreads();"]
            texts.append(joined(lines))
        return f"const int64_t i = blockIdx.x;\n{self._by_body(texts)}"

    def _of_reduction(
        self, body: Body, i: int, target: str = "sum", value: str = ""
    ) -> dict[str, Any]:
        node = body.nodes[i]
        places = body.partial_reductions if node.partial else body.reductions
        value = value or (PARTIAL_OF_CHUNK if node.partial else PART_OF_CHUNK)
        place = places.index(i)
        value = Template(value).substitute(place=place)
        return {"i": i, "place": place, **reducing(node.op, target, value)}

    def _totals(self, depth: int) -> str:
        now = self._totals_at(depth)
        texts = [self._adding(body, now) for body in self.layout.bodies]
        starts = [f"double over{k} = 0;" for k in now]
        loop = f"for (int64_t i = 0; i < n; i++) {{\n{self._by_body(texts)}\n}}"
        ends = [f"totals[{k}] = over{k};" for k in now]
        lines = [self._known(depth - 1), *starts, loop, *ends]
        return "if (threadIdx.x == 0) {\n" + joined(lines) + "\n}"

    def _numbers(self) -> str:
        """Store new single numbers, after all threads have read the old ones."""
        texts = [self._storing_numbers(body) for body in self.layout.bodies]
        loop = ""
        if any(texts):
            loop = "for (int64_t i = threadIdx.x; i < n; i += blockDim.x) {\n"
            loop += f"{self._by_body(texts)}\n}}\n"
        shared = self._storing_shared()
        shared = f"__syncthreads();\nif (threadIdx.x == 0) {{\n{shared}\n}}" if shared else ""
        return joined([self._known(self.layout.passes), loop, shared]) if loop or shared else ""


RANGE = """const int64_t *const mine = chunk + 4 * blockIdx.x;
const int64_t i = mine[0], a = mine[1], b = mine[2];"""

REDUCING = Template("""$head
$start
$block
for (int64_t j = a + threadIdx.x; j < b; j += blockDim.x) {
$lines
$add
}
$add_block
$keep""")

REDUCING_COLUMNS = Template("""$head
$start
$block
for (int64_t c = threadIdx.x; c < C; c += blockDim.x) {
$start_columns
for (int64_t j = a + c; j < b; j += C) {
$lines
$add
$add_to_parts
}
$end_columns
}
$add_block
$keep""")

OF_CHUNK = Template("""sum$i = ${op}_of_block(sum$i);
if (threadIdx.x == 0) part[blockIdx.x * SUMS + $place] = sum$i;""")

PART_OF_CHUNK = "part[q * SUMS + $place]"

OF_ITEM = Template("""{
double sum = $start;
for (int64_t q = first[i] + threadIdx.x; q < first[i + 1]; q += blockDim.x)
  $add;
sum = ${op}_of_block(sum);
if (threadIdx.x == 0) sums[i * SUMS + $place] = sum;
}""")

PARTIAL_OF_CHUNK = "partial[chunk[4 * q + 3] + $place * C + c]"

COLUMN_OF_ITEM = Template("""for (int64_t c = threadIdx.x; c < C; c += blockDim.x) {
double sum = $start;
for (int64_t q = first[i]; q < first[i + 1]; q++) $add;
part_$place[c] = sum;
}""")

OVER = Template("""{
$head
double sum$i = $start;
for (int64_t p = threadIdx.x; p < C; p += blockDim.x) {
$lines
$add;
}
sum$i = ${op}_of_block(sum$i);
if (threadIdx.x == 0) sums[i * SUMS + $place] = sum$i;
}""")

HALF, OTHER_HALF = "of_thread[threadIdx.x]", "of_thread[threadIdx.x + half]"

OF_BLOCK = Template("""static __device__ double ${op}_of_block(double value) {
  __shared__ double of_thread[THREADS];
  of_thread[threadIdx.x] = value;
  __syncthreads();
  for (int half = blockDim.x / 2; half > 0; half /= 2) {
    if (threadIdx.x < half) $add;
    __syncthreads();
  }
  const double sum = of_thread[0];
  __syncthreads();
  return sum;
}""")

KERNEL = Template("""#define int64_t long long
#define int32_t int
#define uint32_t unsigned int
#define uint16_t unsigned short
$helpers
enum { SUMS = $sums, ARRAYS = $arrays, WIDTH = $width, THREADS = $threads };

$reductions

extern "C" __global__ void run(
    $signature) {
$constants
switch (phase) {
$work
}
}
""")
