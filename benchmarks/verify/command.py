"""Command `python -m benchmarks.bench verify`: published figures, reproduced here.

Exit status: 0 if all figures that were run hold, 3 if one fails.
"""

import argparse
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from benchmarks.verify import page, registry, rows, tables
from benchmarks.verify.running import Runner
from keras_optim.compare import json_files
from keras_optim.compare.plan import machine, versions
from keras_optim.compare.process import devices, lock
from keras_optim.compare.process.flags import Parser
from keras_optim.tensors import BACKEND

ROOT = Path(__file__).parents[2]


def parser() -> argparse.ArgumentParser:
    """Make the parser of the flags."""
    parser = Parser(
        prog="python -m benchmarks.bench verify",
        description="Repeat figures that other people published, with the optimizers of "
        "keras_optim, and compare. Finished checks are kept: a second call runs only the missing "
        "ones.",
        epilog=f"checks: {', '.join(registry.CHECKS)}",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("names", nargs="*", metavar="NAME", help="run these checks; default: the short ones")
    add("--long", action="store_true", help="run the long checks as well")
    add(
        "--graph-directory",
        type=Path,
        default=Path("results"),
        metavar="FOLDER",
        help="of results; default: results",
    )
    add("--data-dir", type=Path, metavar="FOLDER", help="the folder of tensorflow_datasets' data")
    add("--offline", action="store_true", help="download nothing")
    add("--backend", choices=devices.BACKENDS, help="default: KERAS_BACKEND, else JAX")
    add("--force", action="store_true", help="run finished checks again")
    add("--write", action="store_true", help="write the table into docs/verify.md as well")
    return parser


def run(arguments: list[str]) -> int:
    """Run the checks that `arguments` ask for; return the exit status.

    Raises:
        UsageError: a request cannot be met.
    """
    options = parser().parse_args(arguments)
    checks = registry.wanted(options.names, options.long)
    if options.backend not in (None, BACKEND):  # Keras is imported, so another process runs them
        env = {**os.environ, "KERAS_BACKEND": devices.chosen(options.backend)}
        return subprocess.call(
            [sys.executable, "-m", "benchmarks.bench", "verify", *arguments], env=env
        )
    results = options.graph_directory.expanduser().absolute()
    folder = results / "verify"
    folder.mkdir(parents=True, exist_ok=True)
    console = Console(width=None if sys.stdout.isatty() else 140)
    with lock.held(folder):
        runner = Runner(results, options.data_dir, options.offline, options.force, console)
        runner.run(checks)
        found = [row for check in registry.CHECKS.values() for row in runner.rows(check)]
        facts = {
            "date": datetime.now(UTC).strftime("%Y-%m-%d"),
            "machine": machine(),
            "versions": versions(),
        }
        value = json_files.rounded(page.numbers(found, facts))
        json_files.write_json(folder / "verify.json", value)
        (folder / "verify.md").write_text(page.plain(value), encoding="utf-8")
    if options.write:
        text = page.PAGE.read_text(encoding="utf-8")
        page.PAGE.write_text(page.written(text, value), encoding="utf-8")
        json_files.write_json(page.NUMBERS, value)
    asked = {check.name for check in checks}
    tables.show([row for row in found if row.check in asked or not options.names], console)
    console.print(f"\n{rows.summary(found)}; all of it: {folder / 'verify.md'}", soft_wrap=True)
    return rows.status([row for row in found if row.check in asked])
