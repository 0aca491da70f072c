"""Selection of runs: those of a workload and stage, by optimizer, and their scores by seed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from keras_optim.compare.analysis.scores import score
from keras_optim.compare.comparison import Comparison
from keras_optim.compare.runs import Run, Stage

Scores = Mapping[str, Mapping[int, float]]
"""For each optimizer the score of each seed that was run; NaN for a miss."""


def runs_of(comparison: Comparison, workload: str, stage: Stage) -> dict[str, list[Run]]:
    """Return the runs of each optimizer on a workload; none is left out."""
    found: dict[str, list[Run]] = {name: [] for name in comparison.optimizers}
    for run in comparison.runs:
        if (run.spec.workload, run.spec.stage) == (workload, stage):
            found[run.spec.optimizer].append(run)
    return found


def scores_of(comparison: Comparison, workload: str) -> dict[str, dict[int, float]]:
    """Return the score of each judging run, by optimizer and seed; NaN for a miss."""
    subject = comparison.subjects[workload]
    return {
        name: {run.spec.seed: score(run, subject) for run in runs}
        for name, runs in runs_of(comparison, workload, "judging").items()
    }


def independent(comparison: Comparison) -> tuple[str, ...]:
    """Return the workloads that are no variant of another one in the comparison."""
    subjects = comparison.subjects
    return tuple(name for name, s in subjects.items() if s.variant_of not in subjects)


def complete(comparison: Comparison, workloads: Sequence[str]) -> Comparison:
    """Return the comparison of the optimizers that were judged on each of the workloads.

    One that was not run somewhere, because the comparison was interrupted, has no rank there. If
    none is left, the comparison is returned as it is.
    """
    judged = {(r.spec.workload, r.spec.optimizer) for r in comparison.runs if _judges(r)}
    kept = [o for o in comparison.optimizers if all((w, o) in judged for w in workloads)]
    if not kept:
        return comparison
    runs = tuple(run for run in comparison.runs if run.spec.optimizer in kept)
    return replace(comparison, optimizers=tuple(kept), runs=runs)


def _judges(run: Run) -> bool:
    return run.spec.stage == "judging"
