"""On a CUDA device: one kernel, launched once for each *phase*, and the tables it is called with.

The elements of an item are cut into chunks, one for each block of threads. What is a barrier on a
CPU is the end of a launch here: chunks make partial sums, a block for each item adds them up, one
thread adds up what is a total, chunks store elements, one block stores single numbers.

The kernel is compiled by NVRTC, which comes with PyTorch, when it is first needed.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from string import Template
from typing import Any

import torch

from keras_optim.codegen.building import BuildError
from keras_optim.codegen.expressions import Text
from keras_optim.codegen.graph import Graph, Refused
from keras_optim.codegen.grouping import Body
from keras_optim.codegen.indexing import joined
from keras_optim.codegen.loops import Writer
from keras_optim.codegen.operations import EXTREMES, HELPERS, REDUCTIONS, reducing

THREADS = 256
CHUNK = 4096
"""Elements of a block of threads."""
ROWS = 64
"""The least number of rows of a block that makes sums for each column."""
Launch = Callable[[int, int, Sequence[Any]], None]
"""`(blocks, threads, arguments)`."""


def write(graphs: Sequence[Graph], leading: str) -> Text:
    """The kernel that does what `graphs` say, one of them for each item.

    Raises:
        Refused: see `source.Writer`.
    """
    writer = _Writer(graphs, leading)
    phases = writer.phases()
    return writer.text(writer.function(phases), tuple(kind for kind, _ in phases))


@functools.cache
def load(source: str) -> Launch:
    """The kernel `run` of a source, on the current device.

    Raises:
        BuildError: it cannot be compiled.
        Refused: the device is none of NVIDIA's.
    """
    if torch.version.hip:
        raise Refused("no kernels for ROCm")
    try:
        # Each operation is rounded by itself, as PyTorch does it.
        kernel = torch.cuda._compile_kernel(source, "run", nvcc_options=["--fmad=false"])
    except Exception as error:  # a function of PyTorch's own, which may go or fail in many ways
        raise BuildError(f"NVRTC: {error}") from error

    def launch(blocks: int, threads: int, arguments: Sequence[Any]) -> None:
        kernel((blocks, 1, 1), (threads, 1, 1), list(arguments))

    return launch


class Tables:
    """What the kernel is called with, for some items whose tensors stay where they are."""

    BLOCKS_OF_ROWS = True
    """Whether a loop over rows is cut into blocks."""

    def __init__(
        self,
        text: Text,
        run: Launch,
        sizes: Sequence[int],
        shapes: Sequence[tuple[int, ...]],
        rows: Sequence[int],
        arrays: Mapping[str, Sequence[int]],
        shared: Sequence[int],
        device: torch.device,
    ):
        def whole(values: Sequence[int]) -> torch.Tensor:
            return torch.tensor(values or [0], dtype=torch.int64, device=device)

        def real(values: Sequence[float]) -> torch.Tensor:
            return torch.tensor(values or [0.0], dtype=torch.float64, device=device)

        chunks, first, spans = [], [0], []
        partial = columns = 0
        for i, (size, shape, row) in enumerate(zip(sizes, shapes, rows, strict=True)):
            width = (1, *shape)[-1]
            many = width * len(text.partial_reductions[row])
            spans += [width, columns]
            columns += many
            length = width * max(CHUNK // width, ROWS) if many else CHUNK
            for at in range(0, size, length):
                chunks.append((i, at, min(at + length, size), partial))
                partial += many
            first.append(len(chunks))
        addresses = [arrays.get(name, [0] * len(sizes)) for name in text.arrays]
        self._run, self._device, self._leading = run, device, whole([0] * len(sizes))
        self._found: list[Any] = []
        self.ways = [self.run]
        self._arguments = [
            whole(sizes),
            whole([text.bodies[i] for i in rows]),
            whole(spans),
            whole([at for item in zip(*addresses, strict=True) for at in item]),
            self._leading,
            real([v for i in rows for v in text.parameters[i]]),
            real(text.constants),
            whole(shared),
            whole([number for chunk in chunks for number in chunk]),
            whole(first),
            real([0.0] * len(chunks) * text.reductions),
            real([0.0] * len(sizes) * text.reductions),
            real([0.0] * text.totals),
            real([0.0] * partial),
            real([0.0] * columns),
        ]
        blocks = {"chunks": len(chunks), "items": len(sizes), "one": 1}
        self._launches = [
            (blocks[kind], [phase, len(sizes), *self._arguments])
            for phase, kind in enumerate(text.phases)
            if blocks[kind]
        ]

    def run(self, leading: list[Any]) -> None:
        """Launch all phases, with the addresses of the leading arrays."""
        if leading != self._found:
            self._leading.copy_(torch.tensor(leading, dtype=torch.int64))
            self._found = leading
        with torch.cuda.device_of(self._leading):
            for blocks, arguments in self._launches:
                self._run(blocks, THREADS, arguments)


class _Writer(Writer):
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
                raise Refused("on CUDA, what goes along other axes than the last")

    def phases(self) -> list[tuple[str, str]]:
        """Who takes part in each phase, and what they do."""
        found = []
        for depth in range(self.layout.passes):
            found += [("chunks", self._pass(depth)), ("items", self._together(depth))]
            found += [("one", self._totals(depth + 1))] if self._totals_at(depth + 1) else []
        found += [("chunks", self._pass(self.layout.passes)), ("one", self._numbers())]
        return [(kind, text) for kind, text in found if text]

    def function(self, phases: Sequence[tuple[str, str]]) -> str:
        """All of it."""
        cases = [f"case {n}: {{\n{text}\n}} break;" for n, (_, text) in enumerate(phases)]
        return KERNEL.substitute(
            helpers=HELPERS.format(qualifiers="static __device__ inline"),
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
            work=joined(cases),
        )

    def _known(self, depth: int) -> str:
        """What all items share after so many passes."""
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
        """Reductions of a chunk: of a thread in their own type, then in double."""
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
        """The reductions of an item, from those of its chunks; and those over its columns."""
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
        """New values of single numbers, when all threads have read the old ones."""
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
$helpers
enum { SUMS = $sums, ARRAYS = $arrays, WIDTH = $width, THREADS = $threads };

$reductions

extern "C" __global__ void run(
    int phase, int n, const int64_t *size, const int64_t *body, const int64_t *spans, void **p,
    void **leading, const double *parameters, const double *constants, void **shared,
    const int64_t *chunk, const int64_t *first, double *part, double *sums, double *totals,
    double *partial, double *all_columns) {
$constants
switch (phase) {
$work
}
}
""")
