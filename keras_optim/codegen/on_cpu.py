"""CPU kernels: the build of the C function, and the tables that it is called with."""

import ctypes
import itertools
import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch

from keras_optim.codegen import building
from keras_optim.codegen.cpu_source import SIGNATURE, CWriter
from keras_optim.codegen.expressions import Text
from keras_optim.codegen.graph import Graph

ALONE = 32768
"""With fewer elements than this in all items together, one thread does everything."""


def write(graphs: Sequence[Graph], leading: str) -> Text:
    """Return the C function that computes `graphs`, one of them for each item.

    Raises:
        Refused: see `loops.Writer`.
    """
    writer = CWriter(graphs, leading)
    return writer.text(writer.function())


def load(source: str) -> Any:
    """Return the function `run` of a source.

    Raises:
        BuildError: no compiler, or they all failed.
    """
    run = building.load(source)
    run.argtypes = [
        ctypes.c_void_p if "*" in kind else ctypes.c_int64 for kind in SIGNATURE.values()
    ]
    return run


class Tables:
    """Arguments of the function, for items whose tensors keep their addresses."""

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
        order = sorted(range(len(sizes)), key=lambda i: -sizes[i])
        lengths, starts = list[int](), [0]
        for shape, i in zip(shapes, rows, strict=True):
            from_last = [*reversed(shape), *[1] * text.axes][: text.axes]
            lengths += from_last
            spreads = [*text.partial_reductions[i], *text.kept[i]]
            parts = [math.prod(from_last[-a - 1] for a in of) for of in spreads]
            parts += [0] * (text.parts - len(parts))
            starts += [starts[-1] + end for end in itertools.accumulate(parts)]
        self._parts = starts[-1]
        self._table = (ctypes.c_void_p * (len(sizes) * len(text.arrays)))()
        self._fixed: dict[str, Any] = {
            "n": len(sizes),
            "size": _whole(sizes),
            "body": _whole([text.bodies[i] for i in rows]),
            "order": _whole(order),
            "lengths": _whole(lengths),
            "starts": _whole(starts),
            "p": self._table,
            "parameters": _doubles([v for i in rows for v in text.parameters[i]]),
            "constants": _doubles(text.constants),
            "shared": (ctypes.c_void_p * len(shared))(*shared),
        }
        for n, name in enumerate(text.arrays):
            if name in arrays:
                self._table[n :: len(text.arrays)] = list(arrays[name])
            else:
                self._places = slice(n, None, len(text.arrays))
        self._alone = sum(sizes) < ALONE
        self.ways = [partial(self._call, 1), lambda at: self._call(torch.get_num_threads(), at)]
        """All ways in which the function may run: on one thread, and on all."""
        self._threads = 0

    def run(self, leading: list[Any]) -> None:
        """Call the function, with the addresses of the leading arrays."""
        self._call(1 if self._alone else torch.get_num_threads(), leading)

    def _call(self, threads: int, leading: list[Any]) -> None:
        if threads != self._threads:
            self._threads = threads
            scratch = {
                "threads": threads,
                "part": (ctypes.c_double * (self._count * self._sums * threads))(),
                "all_parts": (ctypes.c_double * (self._parts * (threads + 1)))(),
            }
            arguments = self._fixed | scratch
            self._arguments = [arguments[name] for name in SIGNATURE]
        self._table[self._places] = leading
        self._run(*self._arguments)


def _whole(values: Sequence[int]) -> Any:
    return (ctypes.c_int64 * len(values))(*values)


def _doubles(values: Sequence[float]) -> Any:
    return (ctypes.c_double * len(values))(*values)
