"""Running of checks, one after the other, with their progress and the time that is left."""

import shutil
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from benchmarks.verify import keeping, rows
from benchmarks.verify.checks import CannotRun, Check, Request
from benchmarks.verify.keeping import Kept
from benchmarks.verify.rows import Row
from keras_optim.compare.plan import machine, versions
from keras_optim.compare.process.errors import UsageError, one_line


class Runner:
    """Runner of checks in a results folder.

    Args:
        results: The results folder; finished checks lie in its folder `verify`.
        data_dir: Of tensorflow_datasets.
        offline: Whether nothing may be downloaded.
        force: Whether finished checks are run again.
        console: Shows the progress.
    """

    def __init__(
        self, results: Path, data_dir: Path | None, offline: bool, force: bool, console: Console
    ):
        self.results, self.data_dir, self.offline = results, data_dir, offline
        self.force, self.console = force, console
        self.folder = results / "verify"
        self.reasons: dict[str, tuple[str, bool]] = {}
        """Reasons of checks without values, and whether that is a failure."""

    def run(self, checks: Sequence[Check]) -> None:
        """Run those checks that are missing."""
        if self.force:
            for check in checks:
                keeping.path(self.folder, check).unlink(missing_ok=True)
                shutil.rmtree(self._state(check), ignore_errors=True)
        missing = [check for check in checks if keeping.read(self.folder, check) is None]
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:3.0f} %"),
            TimeElapsedColumn(),
            TextColumn("left:"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self.console, transient=True) as progress:
            bar = progress.add_task("", total=sum(check.seconds for check in missing))
            before = 0.0
            for k, check in enumerate(missing, 1):
                name = f"{k}/{len(missing)}  {check.name}"
                progress.update(bar, description=name, completed=before)

                def tell(share: float, before: float = before, check: Check = check) -> None:
                    progress.update(bar, completed=before + share * check.seconds)

                found = self._one(check, tell)
                before += check.seconds
                self.console.print(f"{name}: {_ended(found)}", markup=False, highlight=False)

    def _one(self, check: Check, tell: Any) -> list[Row]:
        own = self._state(check)
        request = Request(self.results, own, self.data_dir, self.offline, tell)
        start = time.perf_counter()
        try:
            values = {name: list(map(float, v)) for name, v in check.run(request).items()}
        except (CannotRun, UsageError) as error:
            self.reasons[check.name] = one_line(error), False
        except Exception as error:  # of an optimizer, the backend or the check
            self.reasons[check.name] = f"{type(error).__name__}: {one_line(error)}", True
        else:
            facts = {
                "versions": versions(),
                "machine": machine(),
                "date": datetime.now(UTC).strftime("%Y-%m-%d"),
            }
            kept = Kept(values, time.perf_counter() - start, facts)
            keeping.write(self.folder, check, kept)
            shutil.rmtree(own, ignore_errors=True)
        return self.rows(check)

    def _state(self, check: Check) -> Path:
        """Return the folder of a training that was stopped; other code has another folder."""
        return self.folder / "states" / f"{check.name}-{keeping.key(check)}"

    def rows(self, check: Check) -> list[Row]:
        """Return the rows of a check, as far as it was run, now or earlier."""
        if check.name in self.reasons:
            return rows.rows(check, *self.reasons[check.name])
        kept = keeping.read(self.folder, check)
        if kept is not None:
            return rows.rows(check, kept)
        return rows.rows(check, f"takes about {_duration(check.seconds)}: {_flag(check)}")


def _flag(check: Check) -> str:
    return "--long, or its name" if check.long else "not asked for"


def _duration(seconds: float) -> str:
    """Write a number of seconds in words.

    >>> _duration(1200), _duration(7200)
    ('20 minutes', '2 hours')
    """
    if seconds >= 5400:
        return f"{seconds / 3600:.0f} hours"
    return f"{seconds / 60:.0f} minutes" if seconds >= 90 else f"{seconds:.0f} seconds"


def _ended(found: Sequence[Row]) -> str:
    """Write the outcome of a check on one line."""
    first = found[0]
    if first.why:
        return f"{first.verdict}: {first.why}"
    verdicts = {row.verdict for row in found}
    verdict = rows.FAIL if rows.FAIL in verdicts else rows.PASS
    return f"{verdict}, {first.seconds:.0f} s"
