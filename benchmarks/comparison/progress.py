"""Progress of a comparison: a bar over runs and epochs, or plain lines without a terminal."""

from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from benchmarks.measures import LOSS
from benchmarks.results.runs import Run


class Progress:
    """Display of the runs of a comparison; each prints one line when it ends."""

    def __init__(self, console: Console, runs: int):
        self.console = console
        self.total = runs
        self.ended = 0
        self.bars = Bars(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal or not runs,
        )
        self.all = self.bars.add_task("all runs", total=runs, unit="runs", note="")
        self.one = self.bars.add_task("", total=None, unit="epochs", note="", visible=False)

    def __enter__(self) -> Self:
        self.bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.bars.stop()

    def begin(self, run: Run) -> None:
        """Show that `run` starts."""
        name = f"{run.spec['workload']} {run.spec['optimizer']}"
        self.bars.reset(
            self.one,
            description=name,
            total=run.spec["epochs"],
            visible=True,
            unit="epochs",
            note="starting",
        )

    def advance(self, run: Run, event: dict[str, Any]) -> None:
        """Show the progress that `run` reports (see `Journal`)."""
        changes: dict[str, Any] = {"note": f"step {event['step']} of {event['steps']}"}
        if "loss" in event:
            changes["note"] = f"loss {event['loss']:.4g}"
        self.bars.update(self.one, completed=event["epoch"], **changes)

    def end(self, run: Run) -> None:
        """Show the line of a run that ended."""
        self.ended += 1
        self.bars.update(self.all, completed=self.ended)
        self.console.print(
            f"[{self.ended}/{self.total}] {summary(run)}", markup=False, soft_wrap=True
        )


def summary(run: Run) -> str:
    """Write one line about a run that ended."""
    status, result, metric = run.status, run.result, run.metric
    text = f"{run.spec['workload']} {run.spec['optimizer']}: {status['state']}"
    if status["state"] == "done":
        text += (
            f", test {metric.heading} {metric.text(result[metric.test])}, "
            f"{LOSS.heading} {LOSS.text(result[LOSS.test])}, {result['seconds']:.1f} s"
        )
    return text + (f" ({status['reason']})" if "reason" in status else "")
