"""Scores of runs: one number to choose by while tuning, and one to rank by while judging."""

import math

import numpy as np

from keras_optim.compare.comparison import Subject
from keras_optim.compare.runs import Run


def best_epoch(run: Run, subject: Subject) -> int:
    """Return the epoch with the best value on held-out data; the first of equal ones.

    Values before training do not count. Of epochs that are equal in the judging metric, as happens
    with accuracies of few examples, the lowest loss decides.
    """
    values = _worst_last(run.epochs[f"val_{subject.judge}"], subject.higher)
    losses = _worst_last(run.epochs["val_loss"], higher=False)
    return min(range(1, len(values)), key=lambda k: (values[k], losses[k]))


def tuning_key(run: Run, subject: Subject) -> tuple[float, float]:
    """Return a key by which the best tuning run is the smallest; infinite for a miss."""
    if run.state != "done":
        return math.inf, math.inf
    k = best_epoch(run, subject)
    value = run.epochs[f"val_{subject.judge}"][k]
    return (-value if subject.higher else value), run.epochs["val_loss"][k]


def score(run: Run, subject: Subject) -> float:
    """Return the value that ranks a judging run; NaN for a miss.

    It is the value on the test set at the epoch with the best validation, or without a test set
    that validation.
    """
    if run.state != "done":
        return math.nan
    if subject.test is not None:
        return run.test[subject.judge]
    return run.epochs[f"val_{subject.judge}"][best_epoch(run, subject)]


def _worst_last(values: object, higher: bool) -> list[float]:
    """Turn values so that a lower one is better, and NaN the worst."""
    turned = np.asarray(values, float) * (-1 if higher else 1)
    return [math.inf if math.isnan(v) else float(v) for v in turned]
