"""CUDA kernels: their compilation, and the tables that they are launched with.

NVRTC, which comes with PyTorch, compiles the kernel when it is first needed.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from keras_optim.codegen.building import BuildError
from keras_optim.codegen.cuda_source import SIGNATURE, THREADS, CudaWriter
from keras_optim.codegen.expressions import Text
from keras_optim.codegen.graph import Graph, Refused

CHUNK = 4096
"""The number of elements that a block of threads does."""
ROWS = 64
"""The least number of rows of a block that reduces each column."""
Launch = Callable[[int, int, Sequence[Any]], None]
"""`(blocks, threads, arguments)`."""


def write(graphs: Sequence[Graph], leading: str) -> Text:
    """Return the kernel that computes `graphs`, one of them for each item.

    Raises:
        Refused: see `cuda_source.CudaWriter`.
    """
    writer = CudaWriter(graphs, leading)
    phases = writer.phases()
    return writer.text(writer.function(phases), tuple(kind for kind, _ in phases))


@functools.cache
def load(source: str) -> Launch:
    """Compile the kernel `run` of a source for the current device.

    Raises:
        BuildError: it cannot be compiled.
        Refused: PyTorch is built for ROCm.
    """
    if torch.version.hip:
        raise Refused("no kernels for ROCm")
    try:
        # Each operation is rounded by itself, as PyTorch does it.
        kernel = torch.cuda._compile_kernel(source, "run", nvcc_options=["--fmad=false"])
    except Exception as error:  # PyTorch's private function may vanish, or fail in many ways
        raise BuildError(f"NVRTC: {error}") from error

    def launch(blocks: int, threads: int, arguments: Sequence[Any]) -> None:
        kernel((blocks, 1, 1), (threads, 1, 1), list(arguments))

    return launch


class Tables:
    """Arguments of the kernel, for items whose tensors keep their addresses."""

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
        self._run, self._leading = run, whole([0] * len(sizes))
        self._found: list[Any] = []
        self.ways = [self.run]
        fixed = {
            "n": len(sizes),
            "size": whole(sizes),
            "body": whole([text.bodies[i] for i in rows]),
            "spans": whole(spans),
            "p": whole([at for item in zip(*addresses, strict=True) for at in item]),
            "leading": self._leading,
            "parameters": real([v for i in rows for v in text.parameters[i]]),
            "constants": real(text.constants),
            "shared": whole(shared),
            "chunk": whole([number for chunk in chunks for number in chunk]),
            "first": whole(first),
            "part": real([0.0] * len(chunks) * text.reductions),
            "sums": real([0.0] * len(sizes) * text.reductions),
            "totals": real([0.0] * text.totals),
            "partial": real([0.0] * partial),
            "all_columns": real([0.0] * columns),
        }
        blocks = {"chunks": len(chunks), "items": len(sizes), "one": 1}
        self._launches = [
            (blocks[kind], [{**fixed, "phase": phase}[name] for name in SIGNATURE])
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
