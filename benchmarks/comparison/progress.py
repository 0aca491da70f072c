"""How far a comparison is: a bar over runs and epochs, plain lines where there is no terminal."""

from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from benchmarks.results.runs import Run


class Progress:
    """Shows the runs of a comparison as they go; each leaves one line when it ends."""

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
        """A run starts."""
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
        """A run tells how far it is (see `Journal`)."""
        changes: dict[str, Any] = {"note": f"step {event['step']} of {event['steps']}"}
        if "loss" in event:
            changes["note"] = f"loss {event['loss']:.4g}"
        self.bars.update(self.one, completed=event["epoch"], **changes)

    def end(self, run: Run) -> None:
        """A run ended, well or not."""
        self.ended += 1
        self.bars.update(self.all, completed=self.ended)
        self.console.print(
            f"[{self.ended}/{self.total}] {summary(run)}", markup=False, soft_wrap=True
        )


def decimals(value: float | None) -> str:
    """Four of them; null stands for a number that is not finite."""
    return "not finite" if value is None else f"{value:.4f}"


def summary(run: Run) -> str:
    """One line about a run that ended."""
    status, result = run.status, run.result
    text = f"{run.spec['workload']} {run.spec['optimizer']}: {status['state']}"
    if status["state"] == "done":
        text += (
            f", test accuracy {result['test_accuracy']:.4f}, loss {decimals(result['test_loss'])}, "
            f"{result['seconds']:.1f} s"
        )
    return text + (f" ({status['reason']})" if "reason" in status else "")
