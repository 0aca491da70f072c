"""Command: a comparison whose contests are held by workers, from its flags to its report.

This process imports Keras with any backend, as `python -m` does, but touches no device and trains
nothing. Only the workers use the backend that was asked for.
"""

import argparse
import importlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from keras_optim.compare import comparing, flags, store
from keras_optim.compare.comparison import Comparison
from keras_optim.compare.contenders.contender import listed
from keras_optim.compare.contest import Verdict
from keras_optim.compare.estimate import estimate
from keras_optim.compare.order import Order
from keras_optim.compare.plan import Plan, is_quiet
from keras_optim.compare.process import children, devices, lock
from keras_optim.compare.process.errors import UsageError, one_line
from keras_optim.compare.process.flags import Parser
from keras_optim.compare.progress import shown
from keras_optim.compare.result import Result
from keras_optim.compare.workers import Contest, Workers


def run(arguments: list[str]) -> int:
    """Do as `arguments` ask; return the exit status.

    Raises:
        UsageError: a request cannot be met.
    """
    if arguments[:1] == ["report"]:
        return _report(arguments[1:])
    options = flags.parser().parse_args(arguments)
    order = flags.order(options)
    command = shlex.join(["python", "-m", "keras_optim.compare", *arguments])
    return carried_out(order, options.backend, command, options.dry_run, options.force)


def carried_out(
    order: Order,
    backend: str | None,
    command: str,
    dry_run: bool = False,
    force: bool = False,
    prepare: Callable[[], None] = lambda: None,
) -> int:
    """Carry out an order; return the exit status.

    Args:
        order: The request.
        backend: Of the workers. `None`: that of this process.
        command: The command line, for readers.
        dry_run: Whether the time is estimated alone.
        force: Whether finished runs are trained again.
        prepare: Called once the folder is locked, before the workers start.

    Raises:
        UsageError: the order cannot be met.
    """
    for text in order.optimizers:  # before a worker takes seconds to start
        listed(text)
    env = children.environment(
        devices.environment(devices.chosen(backend or Plan.backend), order.device)
    )
    if dry_run:
        prepare()
        return _dry(order, env)
    assert order.folder is not None
    kept = store.Store(Path(order.folder))
    with lock.held(Path(order.folder)):
        _sweep(Path(order.folder), force)
        prepare()
        return Command(order, env, kept, command).held(force)


class Command:
    """Comparison by workers.

    Args:
        order: The request.
        env: Environment of the workers.
        kept: Of finished runs.
        command: The command line, for readers.
    """

    def __init__(self, order: Order, env: Mapping[str, str], kept: store.Store, command: str):
        assert order.folder is not None
        self.order, self.env, self.kept, self.command = order, env, kept, command
        self.folder = Path(order.folder)
        self.quiet = order.jobs == 1 and is_quiet()
        self.verdicts: dict[Contest, Verdict] = {}

    def held(self, force: bool) -> int:
        """Hold all contests, write manifest and report, and show the table; return the status."""
        first_time = not (self.folder / store.MANIFEST).exists()
        git = _git_revision()
        with Workers(self.order, self.env, self.folder / "logs", force) as workers:
            self.facts = workers.facts()
            subjects = [store.subject(one) for one in self.facts["subjects"]]
            labels = self.facts["optimizers"]
            contests = [(w, o) for w in range(len(subjects)) for o in range(len(labels))]
            pairs = [(subjects[w].name, labels[o]) for w, o in contests]
            with shown(pairs, self.order.jobs) as board:
                for contest, number, verdict in workers.held(contests, self.order.jobs, board):
                    self.verdicts[contest] = verdict
                    w, o = contest
                    board.watcher(number).decided(subjects[w], labels[o], verdict)
                    if first_time:  # so that a report can be made of an interrupted comparison
                        self._write_manifest(git)
        result = self._write_manifest(git)
        _write_report(result, self.folder)
        return 1 if any(run.state == "failed" for run in result.runs) else 0

    def result(self) -> Result:
        """Return the result of the contests that have ended."""
        subjects = [store.subject(one) for one in self.facts["subjects"]]
        labels = self.facts["optimizers"]
        ended = sorted(self.verdicts)
        facts = {name: self.facts[name] for name in ("backend", "versions")}
        setting = comparing.setting(self.order.plan(**facts), self.quiet, self.command)
        return Result(
            subjects={s.name: s for s in subjects},
            optimizers=tuple(labels[o] for o in sorted({o for _, o in ended})),
            runs=tuple(run for contest in ended for run in self.verdicts[contest].runs),
            setting=replace(setting, machine=self.facts["machine"]),
            chosen={
                (subjects[w].name, labels[o]): self.verdicts[w, o].hyperparameters for w, o in ended
            },
        )

    def _write_manifest(self, git: str | None) -> Result:
        result = self.result()
        python = {"python": platform.python_version()}
        host = {"name": platform.node(), "system": platform.platform()}
        self.kept.write_manifest(result, git_revision=git, python=python["python"], host=host)
        return result


def _dry(order: Order, env: Mapping[str, str]) -> int:
    """Estimate the time of an order."""
    with (
        tempfile.TemporaryDirectory(prefix="keras_optim-") as logs,
        Workers(order, env, Path(logs)) as workers,
    ):
        facts = workers.facts()
        count = len(facts["optimizers"])
        plan: Plan = order.plan(backend=facts["backend"], versions=facts["versions"])
        for place, value in enumerate(facts["subjects"]):
            subject = store.subject(value)
            probed = workers.probed((place, 0))
            print(estimate(subject, plan, count, facts["optimizers"][0], probed), flush=True)
    return 0


def _report(arguments: list[str]) -> int:
    """Write tables and report of a folder."""
    parser = Parser(prog="python -m keras_optim.compare report", allow_abbrev=False)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    options: argparse.Namespace = parser.parse_args(arguments)
    folder = options.folder.expanduser()
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}")
    _write_report(store.load(folder), folder)
    return 0


def _write_report(comparison: Comparison, folder: Path) -> None:
    """Write tables and report; show the table."""
    try:
        terminal = importlib.import_module("keras_optim.compare.report.terminal")
        writing = importlib.import_module("keras_optim.compare.report.writing")
    except ImportError as error:
        print(f"results in {folder}; no report ({one_line(error)})")
        return
    from rich.console import Console

    # A pipe or a file has no width of its own; the table needs more than rich's 80 columns.
    console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
    page = writing.write(comparison, folder)
    terminal.show(comparison, console)
    console.print(f"report: {page}", markup=False, soft_wrap=True)


def _sweep(folder: Path, force: bool) -> None:
    """Remove files that a killed process left half written; with `force`, trials as well."""
    for inner in (folder, folder / "runs"):
        for path in inner.glob(".*.json.*"):
            with suppress(OSError):
                path.unlink()
    if force:
        shutil.rmtree(folder / "tuning", ignore_errors=True)


def _git_revision() -> str | None:
    """Return the commit of the present folder; `None` without git or a repository."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        git: Any = subprocess.run(
            command,
            cwd=os.getcwd(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    except OSError:
        return None
    return git.stdout.strip() or None
