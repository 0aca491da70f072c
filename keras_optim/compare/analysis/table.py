"""Main table: one row for each optimizer on a workload, from the best to the worst."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy import stats

from keras_optim.compare.analysis.claims import Claim, Verdict, claims
from keras_optim.compare.analysis.margins import FEWEST_SEEDS
from keras_optim.compare.analysis.scores import best_epoch, score
from keras_optim.compare.analysis.selection import runs_of
from keras_optim.compare.analysis.targets import reached
from keras_optim.compare.comparison import Comparison, Subject
from keras_optim.compare.runs import Run

Edge = Literal["", "lowest", "highest"]
Pair = tuple[float, float]
NONE = (math.nan, math.nan)
LAST = 5
"""Epochs of the mean over the last ones."""


@dataclass(frozen=True)
class Row:
    """Numbers of an optimizer on a workload. NaN stands for one that is not known."""

    place: int
    """From 1, the best."""
    optimizer: str
    hyperparameters: Mapping[str, Any]
    """The tuned ones."""
    tuning_runs: int
    edge: Edge
    """Whether the chosen rate is the lowest or highest of all that were tried."""
    mean: float
    """The mean score of the judging runs, as of the other numbers without those that missed."""
    interval: Pair
    """The 95 % interval of the mean; NaN with fewer than three seeds."""
    median: float
    quartiles: Pair
    """25 and 75 %; NaN with fewer than three seeds."""
    best: float
    """On held-out data at the best epoch, mean over seeds."""
    final: float
    """On held-out data at the last epoch."""
    last: float
    """On held-out data, mean over the last epochs."""
    seeds: int
    misses: int
    difference: float
    """The amount by which it is worse than the best."""
    margin: float
    verdict: Verdict
    epochs_to_target: float
    """The median over seeds; a miss counts as infinite, as does a target never reached."""
    steps_to_target: float
    seconds_to_target: float
    state_per_weight: float
    """Bytes of optimizer state for each byte of weights."""
    relative_step: float
    """Step time as a multiple of the baseline's; NaN unless measured on a quiet machine."""
    compile_seconds: float
    peak_megabytes: float


def baseline(comparison: Comparison) -> str:
    """Return the optimizer whose step time is 1: Adam, or the first one."""
    adam = [name for name in comparison.optimizers if name.lower() == "adam"]
    return (adam or list(comparison.optimizers))[0]


def rows(comparison: Comparison, workload: str) -> tuple[Row, ...]:
    """Return the rows of a workload, sorted from the best to the worst."""
    tuning = runs_of(comparison, workload, "tuning")
    judging = runs_of(comparison, workload, "judging")
    step = _cost(judging[baseline(comparison)], "step_seconds")
    subject = comparison.subjects[workload]
    return tuple(
        Row(
            place=place,
            optimizer=name,
            hyperparameters=comparison.chosen.get((workload, name), {}),
            tuning_runs=len(tuning[name]),
            edge=_edge(comparison.chosen.get((workload, name), {}), tuning[name]),
            **_scores(judging[name], subject),
            **_claimed(claim),
            **_times(judging[name], subject),
            **_costs(judging[name], step if comparison.setting.quiet else math.nan),
        )
        for place, (name, claim) in enumerate(claims(comparison, workload).items(), 1)
    )


def _claimed(claim: Claim) -> dict[str, Any]:
    fields = ("mean", "seeds", "misses", "difference", "margin", "verdict")
    return {field: getattr(claim, field) for field in fields}


def _scores(runs: Sequence[Run], subject: Subject) -> dict[str, Any]:
    """Return the spread of the scores, and the means of the curves on held-out data."""
    done = [run for run in runs if math.isfinite(score(run, subject))]
    values = [score(run, subject) for run in done]
    curves = [np.asarray(run.epochs[f"val_{subject.judge}"], float) for run in done]
    best = [curve[best_epoch(run, subject)] for curve, run in zip(curves, done, strict=True)]
    return {
        "interval": _possible(interval(values), subject),
        "median": float(np.median(values)) if values else math.nan,
        "quartiles": _quartiles(values),
        "best": _mean(best),
        "final": _mean([curve[-1] for curve in curves]),
        "last": _mean([curve[1:][-LAST:].mean() for curve in curves]),
    }


def interval(values: Sequence[float]) -> Pair:
    """Return Student's 95 % interval of a mean; NaN with fewer than three values."""
    if len(values) < FEWEST_SEEDS:
        return NONE
    mean, count = float(np.mean(values)), len(values)
    half = float(stats.t.ppf(0.975, count - 1) * np.std(values, ddof=1) / math.sqrt(count))
    return mean - half, mean + half


def _possible(pair: Pair, subject: Subject) -> Pair:
    """Return the part of an interval that an accuracy, or the mean of an error, can have."""
    judge = subject.judge.lower()
    highest = 1.0 if "acc" in judge else None
    if highest is None and not any(word in judge for word in ("error", "mae", "mse")):
        return pair
    low, high = np.clip(pair, 0.0, highest).tolist()  # NaN stays
    return low, high


def _quartiles(values: Sequence[float]) -> Pair:
    if len(values) < FEWEST_SEEDS:
        return NONE
    low, high = np.quantile(values, [0.25, 0.75]).tolist()
    return low, high


def _times(runs: Sequence[Run], subject: Subject) -> dict[str, Any]:
    """Return the median times to target."""
    times = [reached(run, subject) for run in runs]
    return {
        f"{unit}_to_target": _median([getattr(time, unit) for time in times])
        for unit in ("epochs", "steps", "seconds")
    }


def _costs(runs: Sequence[Run], baseline_step: float) -> dict[str, Any]:
    """Return the costs, medians over the runs."""
    weights = _cost(runs, "weight_bytes")
    return {
        "state_per_weight": _cost(runs, "state_bytes") / weights if weights else math.nan,
        "relative_step": _cost(runs, "step_seconds") / baseline_step if baseline_step else math.nan,
        "compile_seconds": _cost(runs, "compile_seconds"),
        "peak_megabytes": _cost(runs, "peak_bytes") / 1e6,
    }


def _cost(runs: Sequence[Run], name: str) -> float:
    values = [run.cost.get(name, math.nan) for run in runs]
    return _median([value for value in values if not math.isnan(value)])


def _edge(chosen: Mapping[str, Any], tuning: Sequence[Run]) -> Edge:
    """Tell at which edge of the rates tried the chosen one lies; diverged runs count as tried."""
    tried = sorted(run.learning_rate for run in tuning if not math.isnan(run.learning_rate))
    rate = chosen.get("learning_rate")
    if rate is None or not tried or tried[0] == tried[-1]:
        return ""
    if math.isclose(rate, tried[0]):
        return "lowest"
    return "highest" if math.isclose(rate, tried[-1]) else ""


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else math.nan


def _median(values: Sequence[float]) -> float:
    return float(np.median(values)) if values else math.nan
