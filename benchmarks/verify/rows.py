"""Rows of the table: a published figure beside ours, and the verdict."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.verify.checks import Check, Figure
from benchmarks.verify.keeping import Kept
from keras_optim.formatting import counted

PASS, FAIL, NOT_RUN = "pass", "FAIL", "not run"
COMMAND = "python -m benchmarks.bench verify"


@dataclass(frozen=True)
class Row:
    """A figure of a check, as it is shown."""

    check: str
    trained: str
    source: str
    address: str
    figure: str
    published: str
    band: str
    reason: str
    """Where the band comes from."""
    ours: str
    verdict: str
    why: str
    """Reason why it failed or was not run; empty for one whose value is outside the band."""
    seconds: float | None
    command: str


Ending = Kept | str
"""Our values of a check, or the reason why it was not run."""


def rows(check: Check, ending: Ending, failed: bool = False) -> list[Row]:
    """Return the rows of a check.

    Args:
        check: With its figures.
        ending: Our values, or the reason why there are none.
        failed: Whether the reason is an error of the check itself.
    """
    return [_row(check, figure, ending, failed) for figure in check.figures]


def _row(check: Check, figure: Figure, ending: Ending, failed: bool) -> Row:
    if isinstance(ending, Kept):
        values = ending.found[figure.name]
        ours = shown(values, figure.digits)
        verdict, why, seconds = PASS if figure.holds(values) else FAIL, "", ending.seconds
    else:
        ours, verdict, why, seconds = "", FAIL if failed else NOT_RUN, ending, None
    return Row(
        check=check.name,
        trained=check.trained,
        source=check.source,
        address=check.address,
        figure=figure.name,
        published=figure.published,
        band=band(figure),
        reason=figure.reason,
        ours=ours,
        verdict=verdict,
        why=why,
        seconds=seconds,
        command=f"{COMMAND} {check.name}",
    )


def shown(values: Sequence[float], digits: int) -> str:
    """Write the mean of some values and their range.

    >>> shown([0.5, 0.6], 2)
    '0.55 (0.50 to 0.60, 2 seeds)'
    """
    mean = _number(statistics.fmean(values), digits)
    if len(values) == 1:
        return mean
    low, high = (_number(v, digits) for v in (min(values), max(values)))
    return f"{mean} ({low} to {high}, {len(values)} seeds)"


def _number(value: float, digits: int) -> str:
    if value and abs(value) < 0.5 * 10**-digits:
        return f"{value:.1e}"
    return f"{value:.{digits}f}"


def band(figure: Figure) -> str:
    """Write the band of a figure.

    >>> band(Figure("loss", "0", 0.0, 1e-06, ""))
    '0 to 1e-06'
    """
    low, high = (f"{value:.6g}" for value in (figure.low, figure.high))
    if low == "-inf":
        return f"at most {high}"
    if figure.high - figure.low > 1e-5 and "e" not in low + high:
        low, high = (f"{value:.{figure.digits}f}" for value in (figure.low, figure.high))
    return f"{low} to {high}"


def status(found: Sequence[Row]) -> int:
    """Return the exit status: 3 if a figure failed."""
    return 3 if any(row.verdict == FAIL for row in found) else 0


def summary(found: Sequence[Row]) -> str:
    """Count the verdicts."""
    counts: Mapping[str, int] = {
        verdict: sum(row.verdict == verdict for row in found) for verdict in (PASS, FAIL, NOT_RUN)
    }
    each = f"{counts[PASS]} pass, {counts[FAIL]} fail, {counts[NOT_RUN]} not run"
    return f"Of {counted(len(found), 'figure')}, {each}"


def encoded(found: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the rows for a file of JSON."""
    return [asdict(row) for row in found]
