"""Flags of `python -m benchmarks.bench`, checked before anything runs."""

import argparse
import importlib.util
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.comparison.probe import ALL
from benchmarks.workloads.models import WORKLOADS
from keras_optim.compare.contenders.optimizer_spec import parse_specs
from keras_optim.compare.process import devices, lock
from keras_optim.compare.process.errors import UsageError
from keras_optim.compare.process.flags import LARGEST_SEED, Parser, whole

if TYPE_CHECKING:
    from benchmarks.comparison.comparison import Comparison

NEEDED = ("keras", "keras_optim", "matplotlib", "rich", "scipy", "sklearn")
"""Packages that every comparison needs; checked before anything runs."""


def parser() -> argparse.ArgumentParser:
    """Make the parser of the flags."""
    parser = Parser(
        prog="python -m benchmarks.bench",
        description="Train the same models with each optimizer and compare them. "
        "Results are kept: a second call trains only the missing runs.",
        allow_abbrev=False,
    )
    flags = " ".join(f"--{name}" for name in WORKLOADS)
    parser.known = f" (data sets: {flags}; all flags: --help)"
    for workload in WORKLOADS.values():
        parser.add_argument(
            f"--{workload.name}",
            dest="workloads",
            action="append_const",
            const=workload.name,
            help=f"train on {workload.dataset} "
            f"({workload.epochs} epochs, batches of {workload.batch_size})",
        )
    add = parser.add_argument
    add("--graph-directory", type=Path, default=Path("results"), metavar="FOLDER")
    add("--data-dir", type=Path, metavar="FOLDER", help="the folder of tensorflow_datasets' data")
    add(
        "--optimizers",
        nargs="+",
        default=[ALL],
        metavar="OPTIMIZER",
        help='such as adam "sgd[momentum=0.9,nesterov=true]" "lookahead[inner=adam]"; '
        f"{ALL} (the default) stands for every algorithm of the catalog",
    )
    add("--num-epochs", type=whole(1), metavar="N", help="default: the workload's own")
    add("--num-train", type=whole(1), metavar="N", help="train on the first N examples only")
    add("--batch-size", type=whole(1), metavar="N", help="default: the workload's own")
    add("--seed", type=whole(0, LARGEST_SEED), default=0, metavar="N")
    add("--backend", choices=devices.BACKENDS, help="default: KERAS_BACKEND, else an installed one")
    add("--device", choices=devices.DEVICES, default="auto")
    add("--force", action="store_true", help="train finished runs again")
    return parser


def run(arguments: list[str]) -> int:
    """Compare as `arguments` ask; return the exit status.

    Raises:
        UsageError: a request cannot be met.
    """
    options = parser().parse_args(arguments)
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(f"{', '.join(missing)} not installed: pip install -e .[bench]")
    from rich.console import Console

    from benchmarks.comparison.comparison import compare

    # A pipe or a file has no width of its own; the table needs more than rich's 80 columns.
    console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
    comparison = _comparison(options, arguments)
    with lock.held(comparison.results):
        return compare(comparison, console)


def _comparison(options: argparse.Namespace, arguments: list[str]) -> "Comparison":
    """Make the comparison that the flags ask for."""
    from benchmarks.comparison.comparison import Comparison

    labels = [str(spec) for text in options.optimizers for spec in parse_specs(text)]
    return Comparison(
        workloads=[WORKLOADS[name] for name in dict.fromkeys(options.workloads or ["digits"])],
        optimizers=labels,
        results=_writable(options.graph_directory),
        data_dir=_readable(options.data_dir),
        epochs=options.num_epochs,
        num_train=options.num_train,
        batch_size=options.batch_size,
        seed=options.seed,
        backend=devices.chosen(options.backend),
        device=options.device,
        force=options.force,
        command=shlex.join(["python", "-m", "benchmarks.bench", *arguments]),
    )


def _readable(folder: Path | None) -> Path | None:
    """Return the folder of tensorflow_datasets, if it can be read or does not exist yet."""
    if folder is None:
        return None
    try:
        folder = folder.expanduser()
        if folder.exists():
            list(folder.iterdir())
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"--data-dir {folder}: cannot be read ({reason})") from error
    return folder


def _writable(folder: Path) -> Path:
    """Return `folder`, created; try to write into it and into its folders once."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for inner in (folder, *(folder / name for name in ("data", "runs", "tables", "plots"))):
            if inner.exists():
                trial = inner / f".writable.{os.getpid()}"
                try:
                    trial.write_bytes(bytes(4096))  # a full disk may take a file, but no contents
                finally:
                    trial.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(
            f"cannot write to {folder} ({error.strerror}); give --graph-directory another folder"
        ) from error
    return folder
