"""Proof of a kernel before it touches a weight.

A compiler, a driver or a device may give wrong numbers. So the kernel steps small tensors of every
kind that it was made for, and PyTorch repeats its operations one by one (see `replaying`). Both
must agree bit for bit if every operation is rounded correctly and done in the same order. Sums, and
functions such as `pow`, may differ in a few bits; the result may differ by the effect of these. The
rule falls back to single operations if they do not agree.

The cache keeps a note of each proof, so a machine proves a kernel once.
"""

import functools
import hashlib
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import product
from pathlib import Path
from typing import Any

import torch

from keras_optim.codegen import building, specimens
from keras_optim.codegen.building import BuildError
from keras_optim.codegen.expressions import Text
from keras_optim.codegen.graph import Graph
from keras_optim.codegen.replaying import Replay, replay
from keras_optim.codegen.specimens import Item

_proved: dict[str, str] = {}
"""Results of proofs in this process, by a hash of all they depend on: a difference, or empty."""


class Disproved(BuildError):
    """A kernel gives other numbers than its graph."""


def prove(
    engine: Any,
    text: Text,
    run: Any,
    graphs: Sequence[Graph],
    shapes: Sequence[tuple[int, ...]],
    leading: str,
    device: torch.device,
) -> None:
    """Prove a kernel on small tensors, unless this was done before.

    Args:
        engine: The module that wrote it.
        text: Its source, with the contents of its tables.
        run: The kernel.
        graphs: Of the items that it was made for.
        shapes: Of their leading arrays.
        leading: The name of the leading array.
        device: Of the tensors.

    Raises:
        Disproved: its numbers are wrong.
    """
    facts = (text.source, getattr(run, "digest", ""), *_surroundings(str(device)))
    key = hashlib.sha256("\0".join(facts).encode()).hexdigest()
    if key not in _proved:
        note = building.mark(key)
        if note and note.is_file():
            _proved[key] = ""
        else:
            try:
                _proved[key] = _difference(engine, text, run, graphs, shapes, leading, device)
            except Exception as error:  # the rule may still run operation by operation
                _proved[key] = f"the proof failed: {type(error).__name__}: {error}"
            if note and not _proved[key]:
                with suppress(OSError):
                    note.touch()
    if _proved[key]:
        raise Disproved(f"a compiled step gives wrong numbers here: {_proved[key]}")


def _surroundings(device: str) -> tuple[str, ...]:
    """Return the facts that a proof depends on besides the kernel: versions, device, threads."""
    threads = str(min(torch.get_num_threads(), 2))
    if not device.startswith("cuda"):
        return (_ourselves(), torch.__version__, device, threads)
    capability = torch.cuda.get_device_capability(device)
    return (_ourselves(), torch.__version__, torch.cuda.get_device_name(device), str(capability))


@functools.cache
def _ourselves() -> str:
    files = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _difference(
    engine: Any,
    text: Text,
    run: Any,
    graphs: Sequence[Graph],
    shapes: Sequence[tuple[int, ...]],
    leading: str,
    device: torch.device,
) -> str:
    """Return the first difference in words; an empty text if the kernel is right."""
    with torch.no_grad(), _subnormal_numbers():
        blocks_of_rows = engine.Tables.BLOCKS_OF_ROWS
        large, small = specimens.items(text, graphs, shapes, blocks_of_rows)
        for items, rounds in [*((items, 1) for items in large), (small, specimens.ROUNDS)]:
            trial = _Trial(items, rounds, leading, device)
            if found := trial.difference(engine, text, run, device):
                return found
    return ""


@contextmanager
def _subnormal_numbers() -> Iterator[None]:
    """Keep subnormal numbers, which a process may have set PyTorch to flush to zero."""
    flushed = not float(torch.tensor(1e-310, dtype=torch.float64, device="cpu") * 0.5)
    if flushed:
        torch.set_flush_denormal(False)
    try:
        yield
    finally:
        if flushed:
            torch.set_flush_denormal(True)


class _Trial:
    """A kernel, tensors to step, and the right results.

    Args:
        items: The items, which one call steps together.
        rounds: The number of inputs, one after the other.
        leading: The array that comes with each call.
    """

    def __init__(self, items: Sequence[Item], rounds: int, leading: str, device: torch.device):
        self.items, self.rounds, self.leading = items, rounds, leading
        numbers = specimens.Numbers(rounds, device)
        self.shared = numbers.shared(items[0].graph)
        self.arrays = [numbers.arrays(item, leading) for item in items]
        self.wanted_arrays, self.wanted_shared = replay(
            [
                Replay(item.graph, item.shape, _with_doubts(self.shared, own, len(item.shape)))
                for item, own in zip(items, self.arrays, strict=True)
            ]
        )

    def difference(self, engine: Any, text: Text, run: Any, device: torch.device) -> str:
        """Return the first difference in words; an empty text if the kernel is right."""
        given = [*self.arrays, self.shared]
        held = [{n: v[0].clone() for n, v in own.items()} for own in given]
        tables = self._tables(engine, text, run, held, device)
        addresses = [own[self.leading].data_ptr() for own in held[:-1]]
        ways = tables.ways[:1] if self.rounds > 1 else tables.ways  # threads wait for each other
        for way, number in product(ways, range(self.rounds)):
            for own, before in zip(held, given, strict=True):
                for name, value in own.items():
                    value.copy_(before[name][number])
            way(addresses)
            wanted = [*self.wanted_arrays, self.wanted_shared]
            for i, (own, before, new) in enumerate(zip(held, given, wanted, strict=True)):
                for name, value in own.items():
                    found = _compared(
                        new.get(name, before[name][:, None]), before[name], value, number
                    )
                    if found:
                        shape = list(self.items[i].shape) if i < len(self.items) else []
                        return f"{name} of the shape {shape}: {found}"
        return ""

    def _tables(
        self,
        engine: Any,
        text: Text,
        run: Any,
        held: Sequence[dict[str, torch.Tensor]],
        device: torch.device,
    ) -> Any:
        *own, shared = held
        return engine.Tables(
            text,
            run,
            [math.prod(item.shape) for item in self.items],
            [item.shape for item in self.items],
            [item.row for item in self.items],
            text.addresses(own, self.leading),
            [shared[name].data_ptr() for name in text.shared],
            device,
        )


def _with_doubts(
    shared: dict[str, torch.Tensor], arrays: dict[str, torch.Tensor], axes: int
) -> dict[str, torch.Tensor]:
    """Return tensors with the axes that `Replay` expects."""
    numbers = {n: v.reshape(-1, *[1] * (axes + 1)) for n, v in shared.items()}
    return {**numbers, **{n: v[:, None] for n, v in arrays.items()}}


# ---- comparing


def _compared(wanted: torch.Tensor, before: torch.Tensor, got: torch.Tensor, number: int) -> str:
    """Return the difference in words; an empty text if there is none."""
    kind = got.dtype
    wanted = wanted[number if len(wanted) > 1 else 0].to("cpu", torch.float64)
    wanted = wanted.reshape(len(wanted), -1).expand(-1, got.numel())
    came, old = (v.reshape(-1).to("cpu", torch.float64) for v in (got, before[number]))
    plain = wanted[0]
    right = (came == plain) | (came.isnan() & plain.isnan())
    if len(wanted) > 1 and kind.is_floating_point:
        right |= _near(wanted, came, old, torch.finfo(kind))
    if bool(right.all()):
        return ""
    i = int(right.logical_not().nonzero()[0, 0])
    wrong = int(right.logical_not().sum())
    return (
        f"{float(came[i])!r} instead of {float(plain[i])!r} at {i}"
        f" ({wrong} of {len(came)} elements, trial {number})"
    )


def _near(wanted: torch.Tensor, came: torch.Tensor, old: torch.Tensor, kind: Any) -> torch.Tensor:
    """Whether numbers differ from the plain results by at most twice the spread of the doubts."""
    plain = wanted[0]
    classes = torch.where(wanted.isfinite(), 0.0, wanted.nan_to_num(2.0, 1.0, -1.0))
    doubtful = (classes != classes[0]).any(0)
    spread = wanted.amax(0) - wanted.amin(0)
    units = 8 if kind.eps < 2.0**-20 else 1  # a half is rounded once, when it is stored
    rounding = units * kind.eps * torch.maximum(plain.abs(), old.abs()) + kind.tiny
    allowed = 2 * spread + torch.where(rounding.isfinite(), rounding, 0)
    return doubtful | (came.isfinite() & ((came - plain).abs() <= allowed))
