"""Flags of `python -m benchmarks.bench`, and the order that they make."""

import argparse
import importlib.util
import os
import shlex
from functools import partial
from pathlib import Path

from benchmarks.workloads import published
from benchmarks.workloads.catalog import ROWS
from keras_optim.compare import flags
from keras_optim.compare.command import carried_out
from keras_optim.compare.order import Order
from keras_optim.compare.plan import seeds as seeds_of
from keras_optim.compare.process import devices
from keras_optim.compare.process.errors import UsageError
from keras_optim.compare.process.flags import LARGEST_SEED, Parser, whole

INSTALL = "pip install -e '.[compare]' -r requirements/bench.txt"
NEEDED = ("jinja2", "keras", "keras_optim", "matplotlib", "rich", "scipy", "sklearn")
"""Packages that every comparison needs; checked before anything runs."""
ALL = ("all", "lookahead[inner=adam]")
"""The default optimizers: the catalogue, and a wrapper."""
ROOT = Path(__file__).parents[1]


def parser() -> argparse.ArgumentParser:
    """Make the parser of the flags."""
    parser = Parser(
        prog="python -m benchmarks.bench",
        description="Train the same models with each optimizer and compare them: tuned, with "
        "several seeds. Results are kept: a second call trains only the missing runs.",
        allow_abbrev=False,
    )
    names = " ".join(f"--{name}" for name in ROWS)
    parser.known = f" (data sets: {names}; all flags: --help)"
    for row in ROWS.values():
        parser.add_argument(
            f"--{row.name}",
            dest="workloads",
            action="append_const",
            const=row.name,
            help=f"{row.summary} ({row.epochs} epochs, batches of {row.batch_size})",
        )
    add = parser.add_argument
    add(
        "--graph-directory",
        type=Path,
        default=Path("results"),
        metavar="FOLDER",
        help="of runs, tables and figures; default: results",
    )
    add("--data-dir", type=Path, metavar="FOLDER", help="the folder of tensorflow_datasets' data")
    add(
        "--optimizers",
        nargs="+",
        default=list(ALL),
        metavar="OPTIMIZER",
        help='such as adam "sgd[momentum=0.9,nesterov=true]" "lookahead[inner=adam]"; '
        f"{ALL[0]} (the default) stands for every algorithm of the catalogue",
    )
    add("--num-epochs", type=whole(1), metavar="N", help="default: the workload's own")
    add("--num-train", type=whole(1), metavar="N", help="train on the first N examples only")
    flags.add_batch_size(parser)
    flags.add_tuning(parser)
    add("--seeds", type=whole(1, 10**4), default=3, metavar="N", help="runs that judge; default 3")
    add("--seed", type=whole(0, LARGEST_SEED), metavar="N", help="that of tuning; others follow")
    flags.add_machine(parser)
    return parser


def run(arguments: list[str]) -> int:
    """Compare as `arguments` ask; return the exit status.

    Raises:
        UsageError: a request cannot be met.
    """
    options = parser().parse_args(arguments)
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(f"{', '.join(missing)} not installed: {INSTALL}")
    backend = devices.chosen(options.backend)
    names = list(dict.fromkeys(options.workloads or [next(iter(ROWS))]))
    folder = _folder(options.graph_directory)
    data_dir = _readable(options.data_dir)
    path = os.environ.get("PYTHONPATH")  # so that workers find this package
    os.environ["PYTHONPATH"] = f"{ROOT}{os.pathsep}{path}" if path else str(ROOT)
    return carried_out(
        _order(options, names, folder),
        backend,
        shlex.join(["python", "-m", "benchmarks.bench", *arguments]),
        dry_run=options.dry_run,
        force=options.force,
        prepare=partial(published.fetched, names, folder, data_dir),
    )


def _order(options: argparse.Namespace, names: list[str], folder: Path) -> Order:
    tuning_seed = options.tuning_seed if options.seed is None else options.seed
    found = Order(
        workload="benchmarks.workloads.published:workloads",
        arguments={"names": names, "folder": str(folder), "num_train": options.num_train},
        optimizers=tuple(options.optimizers),
        tune=options.tune,
        sampler=options.sampler,
        hyperparameters=flags.hyperparameters(options),
        storage=options.storage,
        seeds=seeds_of(options.seeds, tuning_seed),
        tuning_seed=tuning_seed,
        precision=options.precision,
        device=options.device,
        jobs=options.jobs,
        folder=str(folder / "smoke" if options.smoke else folder),
        epochs=options.num_epochs,
        batch_sizes=tuple(dict.fromkeys(options.batch_size)),
        target=None,
        smoke=options.smoke,
    )
    found.plan()  # checks the values
    return found


def _folder(path: Path) -> Path:
    try:
        return path.expanduser().absolute()
    except RuntimeError as error:  # ~nobody
        raise UsageError(f"--graph-directory {path}: {error}") from error


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
