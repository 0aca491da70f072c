"""Measurements of `benchmarks.step_cost`, and its flags.

Ours and its peers take turns in one process. So their ratios hold on a machine that others use as
well; the milliseconds do not. The floor is the time to read and write the bytes of a step, at the
speed of multiplying as much memory in place.
"""

import argparse
import os
import platform
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks.step_cost import contenders, device, report, shapes, timing
from benchmarks.step_cost.other_libraries import COMPILED
from keras_optim.compare.process.errors import UsageError, one_line
from keras_optim.compare.process.flags import Parser, shortened, whole
from keras_optim.contract import innermost, layers

DEFAULT = (
    "adam", "adamw", "sgd", "adagrad", "lion", "radam", "lamb", "prodigy", "lookahead(adam)",
    "ademamix", "mars", "adan", "came",
)  # fmt: skip


def parser() -> argparse.ArgumentParser:
    """Make the parser of the flags."""
    known = {**shapes.WORKLOADS, **shapes.GROWTH}
    about = (__doc__ or "").partition("\n\n")[2]
    parser = Parser(prog="python -m benchmarks.step_cost", description=about)
    add = parser.add_argument
    add("--optimizers", nargs="+", default=DEFAULT, metavar="NAME")
    add("--workloads", nargs="+", default=list(shapes.WORKLOADS), choices=known, metavar="NAME")
    add("--growth", action="store_true", help="more tensors, more weights")
    add("--threads", nargs="+", type=whole(0, 4096), default=[1, 0], help="0: all (PyTorch)")
    add("--fit", action="store_true", help="steps of `fit` of small networks too")
    add("--rounds", type=whole(1), default=11)
    add("--compiled", action="store_true", help="torch.compile'd torch.optim too: takes minutes")
    add("--first", action="store_true", help="first step and memory too, in processes of their own")
    add("--without", nargs="*", default=[], metavar="CONTENDER")
    add("--folder", type=Path, default=Path("results") / "step_cost")
    return parser


def measure(arguments: argparse.Namespace) -> Iterator[report.Row]:
    """Measure one row for each optimizer, number of threads, workload and contender."""
    threads = arguments.threads if device.BACKEND == "torch" else [0]
    kinds = {**shapes.WORKLOADS, **shapes.GROWTH}
    workloads = list(shapes.GROWTH) if arguments.growth else arguments.workloads
    for name in arguments.optimizers:
        chosen = {
            key: build
            for key, build in contenders.of(name).items()
            if key not in arguments.without and (arguments.compiled or key != COMPILED)
        }
        slots = sum(rule.memory for rule in layers(contenders.ours(name)))
        period = getattr(innermost(contenders.ours(name)), "refresh_period", 1)
        for count in threads:
            used = device.threads(count or None)
            known = {"backend": device.BACKEND, "optimizer": name, "threads": used}
            for workload in workloads:
                kind = kinds[workload]
                size = shapes.size(kind)
                starts, gradients = shapes.values(kind), shapes.values(kind, 1)
                steps = {key: build(starts, gradients) for key, build in chosen.items()}
                times = timing.take_turns(steps, arguments.rounds, period)
                # Gradient and weights in, weights out, slots in and out.
                floor = (3 + 2 * slots) * 4 * size / device.bandwidth(used, (2 + slots) * 4 * size)
                for key in times:
                    row = {**known, "workload": workload, "tensors": len(kind), "weights": size}
                    row |= _compared(times, key)
                    row["of_floor"] = row["milliseconds"] / (1e3 * floor)
                    row["kernels"] = device.kernels(steps[key])
                    if arguments.first and count == threads[-1]:
                        row |= _first(name, key, workload)
                    yield row
            for workload in shapes.NETWORKS if arguments.fit else ():
                for row in _fit(name, workload, chosen, arguments):
                    yield {**known, **row}


def _fit(
    name: str, workload: str, chosen: dict[str, Any], arguments: argparse.Namespace
) -> Iterator[report.Row]:
    """Measure steps of `fit`, and the share of the update alone in them."""
    optimizers = {k: v for k, v in contenders.keras_optimizers(name).items() if k in chosen}
    kind = shapes.weights(workload)
    starts, gradients = shapes.values(kind), shapes.values(kind, 1)
    alone = timing.take_turns(
        {key: chosen[key](starts, gradients) for key in optimizers}, arguments.rounds
    )
    times = timing.take_turns(
        {key: shapes.epoch(workload, make()) for key, make in optimizers.items()}, arguments.rounds
    )
    times = {key: values / shapes.STEPS for key, values in times.items()}
    for key in times:
        share = float(np.median(alone[key]) / np.median(times[key]))
        yield {"workload": f"fit {workload}", **_compared(times, key), "share": share}


def _compared(times: dict[str, Any], key: str) -> dict[str, Any]:
    """Summarise a contender: its median, and the median ratio of ours to it, round by round."""
    ratios = times[report.OURS] / times[key]
    return {
        "contender": key,
        "milliseconds": 1e3 * float(np.median(times[key])),
        "ratio": float(np.median(ratios)),
        "low": float(np.quantile(ratios, 0.25)),
        "high": float(np.quantile(ratios, 0.75)),
    }


def _first(name: str, contender: str, workload: str) -> dict[str, Any]:
    if workload not in shapes.WORKLOADS:
        return {}
    found = timing.first_step(name, contender, workload)
    return {**found, "extra_mib": found.pop("extra_bytes") / 2**20}


def check(options: argparse.Namespace) -> None:
    """Refuse requests that would end in an error after minutes.

    Raises:
        UsageError: a request cannot be met; the text says which.
    """
    for name in options.optimizers:
        try:
            contenders.ours(name)
        except Exception as error:  # constructors raise errors of any kind
            raise UsageError(f"--optimizers {shortened(name)}: {one_line(error)}") from error
    if report.OURS in options.without:
        raise UsageError(f"--without {report.OURS}: the others are compared with it")
    trial = options.folder / f".writable.{os.getpid()}"
    try:
        options.folder.mkdir(parents=True, exist_ok=True)
        trial.write_bytes(bytes(4096))
        trial.unlink()
    except OSError as error:
        raise UsageError(
            f"cannot write to {options.folder} ({error.strerror}); give --folder another one"
        ) from error


def run(arguments: Sequence[str]) -> int:
    """Measure, print and write."""
    options = parser().parse_args(arguments)
    check(options)
    console = Console(width=None if sys.stdout.isatty() else 110)
    console.print(
        f"{device.BACKEND}, {platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()}"
    )
    rows = []
    for row in measure(options):
        rows.append(row)
        cells = "  ".join(
            f"{heading} {report.text(row, key, form)}"
            for key, heading, form in report.COLUMNS[1:]
            if row.get(key) is not None
        )
        console.print(
            row["optimizer"], row["threads"], row["workload"], f"{row['contender']}: {cells}",
            soft_wrap=True, highlight=False, markup=False,
        )  # fmt: skip
    report.show(rows, console)
    report.write(rows, options.folder, device.BACKEND)
    console.print(f"load {os.getloadavg()}; written to {options.folder}")
    return 0
