"""The table of a task, as numbers and as Markdown."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

from benchmarks.evidence.contenders import BASELINE
from benchmarks.evidence.protocol import Judged

HEAD = (
    "optimizer",
    "rate",
    "lowest loss",
    "against AdamW",
    "steps to its loss",
    "time of a step",
    "time to its loss",
)


def summary(
    judged: Sequence[Judged], period: int, steps: int, times: Mapping[str, float]
) -> dict[str, Any]:
    """Return the target of a task, and a row of numbers for each optimizer.

    The target is the loss that the baseline reaches with every seed. `margin` is the mean
    difference to the baseline for equal seeds, and half the width of its 95 % interval.
    """
    base = next(row for row in judged if row.name == BASELINE)
    target = max(result.best for result in base.results)
    rows = []
    for row in judged:
        bests = np.array([result.best for result in row.results])
        gains = bests - [result.best for result in base.results]
        finite = bool(np.isfinite(bests).all())
        reached = [_steps_to(result.losses, target, period) for result in row.results]
        spread = stats.sem(gains) * stats.t.ppf(0.975, len(gains) - 1) if finite else math.nan
        rows.append(
            {
                "optimizer": row.name,
                "rate": row.rate,
                "rates tried": row.tried,
                "losses": [float(best) if math.isfinite(best) else None for best in bests],
                "margin": [float(gains.mean()), float(spread)] if finite else None,
                "steps to target": reached,
                "time of a step": times[row.name],
                "median curve": _median(row),
            }
        )
    return {"target": float(target), "steps": steps, "period": period, "rows": rows}


def verdict(row: Mapping[str, Any]) -> str:
    """Return `better`, `worse` or `even`: the margin must be wider than its interval."""
    if row["margin"] is None:
        return "diverged"
    mean, spread = row["margin"]
    return "even" if abs(mean) <= spread else ("better" if mean < 0 else "worse")


def markdown(found: Mapping[str, Any]) -> str:
    """Return the table of a task; the lowest mean loss comes first."""
    base = next(row for row in found["rows"] if row["optimizer"] == BASELINE)
    rows = sorted(found["rows"], key=lambda row: _mean(row["losses"]))
    lines = [" | ".join(HEAD), " | ".join(["---"] * len(HEAD))]
    lines += [" | ".join(_cells(row, base)) for row in rows]
    return "\n".join(f"| {line} |" for line in lines)


def _cells(row: Mapping[str, Any], base: Mapping[str, Any]) -> list[str]:
    losses, steps, time = row["losses"], row["steps to target"], row["time of a step"]
    whole = all(loss is not None for loss in losses)
    reached = [count for count in steps if count is not None]
    ours = sorted(steps)[len(steps) // 2] if len(reached) == len(steps) else None
    theirs = sorted(base["steps to target"])[len(steps) // 2]
    if ours is None:
        shown = f"{len(reached)} of {len(steps)}"
    else:
        shown = f"{ours} ({min(reached)} to {max(reached)})"
    margin = "diverged"
    if row is base:
        margin = ""
    elif row["margin"]:
        mean, spread = row["margin"]
        margin = f"{mean:+.4f} ± {spread:.4f}, {verdict(row)}"
    return [
        row["optimizer"],
        f"{row['rate']:g}" + ("" if row["rates tried"] else " (fixed)"),
        f"{_mean(losses):.4f} ± {np.std(losses, ddof=1):.4f}" if whole else "diverged",
        margin,
        shown,
        f"{time:.2f}",
        f"{ours / theirs * time:.2f}" if ours is not None else "",
    ]


def _mean(losses: Sequence[float | None]) -> float:
    return float(np.mean([math.inf if loss is None else loss for loss in losses]))


def _steps_to(losses: Sequence[float], target: float, period: int) -> int | None:
    return next((k * period for k, loss in enumerate(losses) if loss <= target), None)


def _median(row: Judged) -> list[float] | None:
    """Return the median curve; `None` if a training diverged."""
    curves = [result.losses for result in row.results]
    if len({len(curve) for curve in curves}) > 1 or not np.isfinite(curves).all():
        return None
    return [float(value) for value in np.median(curves, axis=0)]
