"""Progress of a comparison: a line for each optimizer, and bars in a terminal."""

import contextlib
import importlib.util
import math
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from keras_optim.compare.analysis.scores import score
from keras_optim.compare.comparison import Subject
from keras_optim.compare.runs import Run, Stage
from keras_optim.formatting import counted

if TYPE_CHECKING:
    from keras_optim.compare.contest import Verdict, Watcher

Pair = tuple[str, str]
"""The names of a workload and of an optimizer: a contest."""


class Silent:
    """Watcher that shows nothing."""

    def began(self, workload: str, optimizer: str, stage: Stage) -> None:
        """Ignore the beginning of runs."""

    def moved(self, epoch: int, epochs: int, step: int, steps: int) -> None:
        """Ignore the progress of runs."""

    def ended(self, run: Run, known: bool) -> None:
        """Ignore the end of a run."""

    def decided(self, subject: Subject, optimizer: str, verdict: "Verdict") -> None:
        """Ignore the end of a contest."""


class Lines(Silent):
    """Watcher that writes a line for each contest that ends.

    Args:
        write: Receives each line.
        pairs: The contests.
    """

    def __init__(self, write: Callable[[str], object], pairs: Sequence[Pair]):
        self.write, self.pairs = write, pairs
        self.done = 0
        self.known: dict[Pair, set[str]] = {}
        several = len({workload for workload, _ in pairs}) > 1
        self.names = {pair: " ".join(pair) if several else pair[1] for pair in pairs}
        longest = max((len(name) for name in self.names.values()), default=0)
        self.width = min(longest, 40)

    def ended(self, run: Run, known: bool) -> None:
        """Count the runs that the folder had already."""
        if known:
            self.count((run.spec.workload, run.spec.optimizer), run.id)

    def count(self, pair: Pair, run: str) -> None:
        """Count a run that the folder had already."""
        self.known.setdefault(pair, set()).add(run)

    def decided(self, subject: Subject, optimizer: str, verdict: "Verdict") -> None:
        """Write the line of a contest."""
        pair = subject.name, optimizer
        self.done += 1
        total = len(self.pairs)
        name = self.names.get(pair, optimizer)
        known = len(self.known.get(pair, ()))
        count = f"{self.done:{len(str(total))}}/{total}"
        self.write(f"{count}  {name:{self.width}}  {summary(subject, verdict, known)}")


def summary(subject: Subject, verdict: "Verdict", known: int) -> str:
    """Return the outcome of a contest: score, chosen hyper-parameters, number of runs, seconds."""
    runs = verdict.runs
    judged = [run for run in runs if run.spec.stage == "judging"]
    bad = [run for run in judged if run.state != "done"]
    scores = [score(run, subject) for run in judged if run.state == "done"]
    parts = [_score(subject, scores)] if scores else []
    if bad:
        share = "" if len(bad) == len(judged) else f"{len(bad)} of {len(judged)} runs "
        parts.append(f"{share}{bad[0].state}: {bad[0].reason}")
    chosen = "  ".join(f"{k}={_short(v)}" for k, v in verdict.hyperparameters.items())
    kept = f" ({known} known)" if known else ""
    seconds = sum(s for run in runs if math.isfinite(s := run.cost.get("seconds", 0.0)))
    ended = f"{counted(len(runs), 'run')}{kept}, {seconds:.1f} s"
    return "  ".join([*parts, *filter(None, [chosen]), ended])


def _score(subject: Subject, scores: Sequence[float]) -> str:
    part = "val" if subject.test is None else "test"
    spread = f" ± {statistics.stdev(scores):.2g}" if len(scores) > 1 else ""
    return f"{part} {subject.judge} {statistics.fmean(scores):.4g}{spread}"


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


class Board:
    """Display of several processes that hold contests.

    Args:
        pairs: The contests.
        jobs: Processes at once.
        bars: A display of rich; `None` without a terminal.
        write: Writes a line above the bars.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        jobs: int,
        bars: Any,
        write: Callable[[str], object],
    ):
        self.bars = bars
        self.lines = Lines(write, pairs)
        self.rows: list[Watcher] = []
        if bars is not None:
            self.all = bars.add_task("optimizers", total=len(pairs), note="")
            tasks = [bars.add_task("", total=None, visible=False, note="") for _ in range(jobs)]
            self.rows = [_Row(self, task) for task in tasks]

    def watcher(self, number: int = 0) -> "Watcher":
        """Return the watcher of a process."""
        return self.rows[number] if self.rows else self.lines


class _Row(Silent):
    """Watcher that shows a process as a row of the display."""

    def __init__(self, board: Board, task: Any):
        self.board, self.task = board, task
        self.note = ""

    def began(self, workload: str, optimizer: str, stage: Stage) -> None:
        """Show the runs that begin."""
        self.note = stage
        name = self.board.lines.names.get((workload, optimizer), optimizer)
        bars = self.board.bars
        bars.reset(self.task, description=_cut(name), total=None, visible=True, note=stage)

    def moved(self, epoch: int, epochs: int, step: int, steps: int) -> None:
        """Show the epochs."""
        part = step / steps if steps else 0.0
        note = f"{self.note}, epoch {min(epoch + 1, epochs)} of {epochs}"
        self.board.bars.update(self.task, total=epochs, completed=epoch + part, note=note)

    def ended(self, run: Run, known: bool) -> None:
        """Count the runs that the folder had already."""
        self.board.lines.ended(run, known)

    def decided(self, subject: Subject, optimizer: str, verdict: "Verdict") -> None:
        """Write the line of a contest, and clear the row."""
        self.board.bars.update(self.task, visible=False)
        self.board.lines.decided(subject, optimizer, verdict)
        self.board.bars.update(self.board.all, completed=self.board.lines.done)


def _cut(name: str) -> str:
    return name if len(name) <= 40 else f"{name[:37]}..."


@contextlib.contextmanager
def shown(pairs: Sequence[Pair], jobs: int = 1) -> Iterator[Board]:
    """Show the progress of contests on standard output: with bars if it is a terminal."""
    if not sys.stdout.isatty() or importlib.util.find_spec("rich") is None:
        yield Board(pairs, jobs, None, lambda text: print(text, flush=True))
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(highlight=False)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        yield Board(pairs, jobs, bars, lambda text: console.print(text, markup=False))
