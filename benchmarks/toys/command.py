"""Command `python -m benchmarks.bench toys`: paths on toy functions, their figures, animations."""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.toys import contenders, paths, writing
from benchmarks.toys.functions import FUNCTIONS, Function, named
from keras_optim.compare.contenders.contender import Contender
from keras_optim.compare.process import lock
from keras_optim.compare.process.errors import UsageError
from keras_optim.compare.process.flags import Parser
from keras_optim.formatting import counted

FILE = "paths.json"
DOCS = Path(__file__).parents[2] / "docs"


def parser() -> argparse.ArgumentParser:
    """Make the parser of the flags."""
    parser = Parser(
        prog="python -m benchmarks.bench toys",
        description="Draw the path of each optimizer on functions of two variables, as figures and "
        "as animations. Paths are kept: a second call computes only the missing ones.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add(
        "--graph-directory",
        type=Path,
        default=Path("results/toys"),
        metavar="FOLDER",
        help="of paths and figures; default: results/toys",
    )
    add(
        "--optimizers",
        nargs="+",
        metavar="OPTIMIZER",
        help='such as adam "sgd[momentum=0.9]" "lookahead[inner=adam]"; default: the catalogue, '
        "momentum, and wrappers around adam",
    )
    add(
        "--functions",
        nargs="+",
        metavar="FUNCTION",
        help=f"of {', '.join(FUNCTIONS)}; default: all",
    )
    add("--force", action="store_true", help="compute the paths again")
    add("--write", action="store_true", help="write paths and figures into docs/ as well")
    return parser


def run(arguments: list[str]) -> int:
    """Compute and draw as `arguments` ask; return the exit status.

    Raises:
        UsageError: a request cannot be met.
    """
    options = parser().parse_args(arguments)
    if options.write and (options.functions or options.optimizers):
        raise UsageError("--write is for all optimizers on all functions: leave the others out")
    functions = named(options.functions)
    wanted = contenders.wanted(options.optimizers)
    folder = options.graph_directory.expanduser().absolute()
    folder.mkdir(parents=True, exist_ok=True)
    with lock.held(folder):
        found = _computed(wanted, functions, folder / FILE, options.force)
        labels = [one.label for one in wanted]
        shown = {f.name: {label: found[f.name][label] for label in labels} for f in functions}
        count = writing.write(shown, folder, print)
    print(f"{counted(count, 'file')} in {folder}", flush=True)
    if options.write:
        writing.publish(shown, DOCS, print)
    return 0


def _computed(
    wanted: Sequence[Contender], functions: Sequence[Function], file: Path, force: bool
) -> paths.Paths:
    """Return the paths in the file and the missing ones, which are added to it."""
    found, codes = ({}, {}) if force else paths.read(file)
    for label in [c.label for c in wanted if codes.get(c.label) not in (None, c.code)]:
        for each in found.values():
            each.pop(label, None)
    for done, contender in enumerate(wanted, 1):
        label = contender.label
        missing = [f for f in functions if label not in found.get(f.name, {})]
        start = time.perf_counter()
        for name, path in (paths.computed(contender, missing) if missing else {}).items():
            found.setdefault(name, {})[label] = path
        codes[label] = contender.code
        if missing:
            paths.write(found, codes, file)
        seconds = f"{time.perf_counter() - start:.1f} s" if missing else "known"
        own = {f.name: found[f.name][label] for f in functions}
        print(
            f"{done:{len(str(len(wanted)))}}/{len(wanted)}  {label:32}  {_solved(own)}  {seconds}",
            flush=True,
        )
    return found


def _solved(own: dict[str, Any]) -> str:
    solved = sum(path.solved is not None for path in own.values())
    bad = sum(path.value is None for path in own.values())
    return f"within 1e-3 on {solved} of {len(own)}" + (f", diverged on {bad}" if bad else "")
