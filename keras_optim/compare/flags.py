"""Flags of `python -m keras_optim.compare`, and the order that they make."""

import argparse
import math
from pathlib import Path
from typing import Any

from keras_optim.compare.comparing import SHORTLIST
from keras_optim.compare.loading import EXAMPLE
from keras_optim.compare.order import Order
from keras_optim.compare.plan import SAMPLERS
from keras_optim.compare.plan import seeds as seeds_of
from keras_optim.compare.process import devices
from keras_optim.compare.process.errors import UsageError
from keras_optim.compare.process.flags import LARGEST, LARGEST_SEED, Parser, shortened, whole
from keras_optim.compare.workload import FULL

DESCRIPTION = """\
Compare optimizers on a model of your own: tuned, with several seeds, in processes of their own.
Finished runs are kept: a second call trains only the missing ones.

Also: `python -m keras_optim.compare report FOLDER` writes tables and report of a folder again."""
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")


def parser() -> argparse.ArgumentParser:
    """Make the parser of a comparison."""
    found = Parser(
        prog="python -m keras_optim.compare",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    found.known = " (all flags: --help)"
    add = found.add_argument
    add(
        "workload",
        metavar="package.module:workload",
        help="or path/to/file.py:workload; a keras_optim.Workload, or a function without arguments "
        "that returns one or a list of them",
    )
    add(
        "--optimizers",
        nargs="+",
        default=list(SHORTLIST),
        metavar="OPTIMIZER",
        help='such as adamw "sgd[momentum=0.9]" "lookahead[inner=adam]"; all: the whole catalogue; '
        f"default: {', '.join(SHORTLIST)}",
    )
    add_tuning(found)
    add("--seeds", type=whole(1, 10**4), metavar="N", help="runs that judge; default 3")
    add("--seed-list", nargs="+", type=whole(0, LARGEST_SEED), metavar="SEED", help="these instead")
    add("--epochs", type=whole(1), metavar="N", help="default: the workload's own")
    add_batch_size(found)
    add("--target", nargs=2, metavar=("METRIC", "VALUE"), help="such as val_accuracy 0.97")
    add(
        "--folder",
        type=Path,
        default=Path("results"),
        metavar="FOLDER",
        help="of runs, tables and figures; default: results",
    )
    add_machine(found)
    return found


def add_batch_size(found: argparse.ArgumentParser) -> None:
    """Add the flag of batch sizes."""
    found.add_argument(
        "--batch-size",
        nargs="+",
        type=_size,
        default=[],
        metavar="N",
        help=f"or {FULL}; several are compared; default: the workload's own",
    )


def add_machine(found: argparse.ArgumentParser) -> None:
    """Add the flags about the machine, and about runs that are trained again."""
    add = found.add_argument
    add("--precision", choices=PRECISIONS, default="float32", help="of layers; default: float32")
    add("--backend", choices=devices.BACKENDS, help="default: KERAS_BACKEND, else Keras's own")
    add("--device", choices=devices.DEVICES, default="auto", help="default: auto, the best found")
    add(
        "--jobs",
        type=whole(1, 1024),
        default=1,
        metavar="N",
        help="processes that train at once; default: 1",
    )
    add("--dry-run", action="store_true", help="estimate the time, and train nothing else")
    add("--smoke", action="store_true", help="train little, to see that it works")
    add("--force", action="store_true", help="train finished runs again")


def add_tuning(found: argparse.ArgumentParser) -> None:
    """Add the flags about tuning."""
    add = found.add_argument
    add(
        "--tune",
        type=_tune,
        default="grid",
        metavar="none|grid|N",
        help="grid (the default): learning rates; N: trials over --hyperparameters, with Optuna",
    )
    add("--sampler", choices=SAMPLERS, default=SAMPLERS[0], help="of trials; default: tpe")
    add(
        "--hyperparameters",
        nargs="+",
        default=["learning_rate"],
        metavar="NAME",
        help="those that trials tune, or all; default: learning_rate",
    )
    add("--storage", metavar="URL", help="a database of trials that several machines share")
    add(
        "--tuning-seed",
        type=whole(0, LARGEST_SEED),
        default=0,
        metavar="SEED",
        help="of the runs that tune; default: 0",
    )


def order(options: argparse.Namespace) -> Order:
    """Return the order that the flags make.

    Raises:
        UsageError: flags contradict each other, or a value is out of range.
    """
    if ":" not in options.workload:
        raise UsageError(f"{shortened(options.workload)!r} names no workload. {EXAMPLE}")
    if options.seeds is not None and options.seed_list is not None:
        raise UsageError("--seeds and --seed-list exclude each other")
    if options.force and options.storage:
        raise UsageError("--force cannot drop trials of --storage, which other machines may share")
    found = Order(
        workload=options.workload,
        optimizers=tuple(options.optimizers),
        tune=options.tune,
        sampler=options.sampler,
        hyperparameters=hyperparameters(options),
        storage=options.storage,
        seeds=seeds_of(options.seed_list or options.seeds or 3, options.tuning_seed),
        tuning_seed=options.tuning_seed,
        precision=options.precision,
        device=options.device,
        jobs=options.jobs,
        folder=None if options.dry_run else str(_folder(options)),
        epochs=options.epochs,
        batch_sizes=tuple(dict.fromkeys(options.batch_size)),
        target=None if options.target is None else _target(*options.target),
        smoke=options.smoke,
    )
    found.plan()  # checks the values
    return found


def hyperparameters(options: argparse.Namespace) -> tuple[str, ...] | str:
    """Return the names that trials tune."""
    names = options.hyperparameters
    return "all" if names == ["all"] else tuple(names)


def _folder(options: argparse.Namespace) -> Path:
    """Return the folder of the results; runs of a smoke test have their own."""
    try:
        folder = Path(options.folder).expanduser().absolute()
    except RuntimeError as error:  # ~nobody
        raise UsageError(f"--folder {options.folder}: {error}") from error
    return folder / "smoke" if options.smoke else folder


def _tune(text: str) -> str | int:
    if text in ("none", "grid"):
        return text
    if not text.lstrip("+-").isdigit():
        received = shortened(text)
        raise argparse.ArgumentTypeError(f"must be none, grid or a number, not {received!r}")
    return whole(1, 10**6)(text)


def _size(text: str) -> str | int:
    return FULL if text == FULL else whole(1, LARGEST)(text)


def _target(metric: str, value: Any) -> tuple[str, float]:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise UsageError(f"--target {metric}: expected a number instead of {shortened(value)!r}")
    return metric, number
