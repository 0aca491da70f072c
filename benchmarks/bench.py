"""The command line: `python -m benchmarks.bench` compares optimizers and leaves plots and tables.

Exit status: 0 all went well, 1 a run failed, 2 something asked for cannot be had (one line says
what), 130 interrupted (what is done stays done; the same command continues).
"""

import argparse
import importlib.util
import os
import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from benchmarks import devices
from benchmarks.errors import UsageError, one_line
from benchmarks.probe import ALL
from benchmarks.specs import parse_specs
from benchmarks.workloads import WORKLOADS

if TYPE_CHECKING:
    from benchmarks.comparison import Comparison

NEEDED = ("keras", "keras_optim", "matplotlib", "rich", "scipy", "sklearn")
"""Packages without which nothing can be compared; checked before anything is begun."""


class _Parser(argparse.ArgumentParser):
    """argparse, but an error is an exception instead of the usage text and an exit."""

    def error(self, message: str) -> NoReturn:
        flags = " ".join(f"--{name}" for name in WORKLOADS)
        known = f" (data sets: {flags}; all flags: --help)" if "unrecognized" in message else ""
        raise UsageError(message + known)


def parser() -> argparse.ArgumentParser:
    """The flags and what they mean."""
    parser = _Parser(
        prog="python -m benchmarks.bench",
        description="Train the same models with each optimizer and compare them. "
        "Results are kept: a second call runs only what is missing.",
        allow_abbrev=False,
    )
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
    add("--data-dir", type=Path, metavar="FOLDER", help="where tensorflow_datasets keeps its data")
    add(
        "--optimizers",
        nargs="+",
        default=[ALL],
        metavar="OPTIMIZER",
        help='such as adam "sgd[momentum=0.9,nesterov=true]" "lookahead[inner=adam]"; '
        f"{ALL} (the default) stands for every algorithm of the catalog",
    )
    add("--num-epochs", type=_at_least(1), metavar="N", help="default: the workload's own")
    add("--num-train", type=_at_least(1), metavar="N", help="train on the first N examples only")
    add("--batch-size", type=_at_least(1), metavar="N", help="default: the workload's own")
    add("--seed", type=_at_least(0), default=0, metavar="N")
    add("--backend", choices=devices.BACKENDS, help="default: KERAS_BACKEND, else an installed one")
    add("--device", choices=devices.DEVICES, default="auto")
    add("--force", action="store_true", help="run again what is done")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        options = parser().parse_args(arguments)
        missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
        if missing:
            raise UsageError(f"{', '.join(missing)} not installed: pip install -e .[bench]")
        from rich.console import Console

        from benchmarks.comparison import compare

        # A pipe or a file has no width of its own; the table needs more than rich's 80 columns.
        console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
        return compare(_comparison(options, arguments), console)
    except UsageError as error:
        print(f"bench: {one_line(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("bench: interrupted; the same command continues where it stopped.", file=sys.stderr)
        return 130


def _comparison(options: argparse.Namespace, arguments: list[str]) -> "Comparison":
    """What the flags ask for."""
    from benchmarks.comparison import Comparison

    labels = [str(spec) for text in options.optimizers for spec in parse_specs(text)]
    return Comparison(
        workloads=[WORKLOADS[name] for name in dict.fromkeys(options.workloads or ["digits"])],
        optimizers=labels,
        results=_writable(options.graph_directory),
        data_dir=options.data_dir,
        epochs=options.num_epochs,
        num_train=options.num_train,
        batch_size=options.batch_size,
        seed=options.seed,
        backend=_backend(options.backend),
        device=options.device,
        force=options.force,
        command=shlex.join(["python", "-m", "benchmarks.bench", *arguments]),
    )


def _backend(asked: str | None) -> str:
    name, installed = asked or os.environ.get("KERAS_BACKEND"), devices.installed_backends()
    if not installed:
        raise UsageError("no backend is installed: pip install -e .[jax,bench]")
    if name is None:
        return installed[0]
    if name not in devices.BACKENDS:
        raise UsageError(f"KERAS_BACKEND is {name!r}; use one of {', '.join(devices.BACKENDS)}")
    if name not in installed:
        raise UsageError(
            f"backend {name} is not installed: pip install -e .[{name}]; "
            f"installed: {', '.join(installed)}"
        )
    return name


def _writable(folder: Path) -> Path:
    """`folder`, created and written to once."""
    trial = folder / f".writable.{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trial.touch()
        trial.unlink()
    except OSError as error:
        raise UsageError(
            f"cannot write to {folder} ({error.strerror}); give --graph-directory another folder"
        ) from error
    return folder


def _at_least(lowest: int) -> Any:
    def whole(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = lowest - 1
        if value < lowest:
            raise argparse.ArgumentTypeError(
                f"must be a whole number from {lowest} up, not {text!r}"
            )
        return value

    return whole


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
