"""Numbers of figures, where the analysis has none."""

import math
from collections.abc import Sequence

import numpy as np

from keras_optim.compare.analysis.targets import reached
from keras_optim.compare.comparison import Subject
from keras_optim.compare.report.view import View


def target_epochs(view: View, subject: Subject) -> dict[str, list[float]]:
    """Return the epochs to the target of all seeds, the fastest optimizer first."""
    found = {
        label: [reached(run, subject).epochs for run in runs]
        for label in view.orders[subject.name]
        if (runs := view.runs(subject.name, label))
    }
    return dict(sorted(found.items(), key=lambda item: (np.median(item[1]), np.sum(item[1]))))


def state_shares(view: View, workload: str) -> dict[str, float]:
    """Return the bytes of state for each byte of weights, the smallest first."""
    shares = {}
    for label in view.orders[workload]:
        for run in view.runs(workload, label):
            state, weights = (run.cost.get(k, math.nan) for k in ("state_bytes", "weight_bytes"))
            if state >= 0 and weights > 0:
                shares[label] = state / weights
                break
    return dict(sorted(shares.items(), key=lambda item: item[1]))


def variants(view: View, subject: Subject) -> list[Subject]:
    """List a workload and its variants with other batch sizes, the smallest first."""
    subjects = view.comparison.subjects.values()
    family = [subject, *(s for s in subjects if s.variant_of == subject.name)]
    sized = [s for s in family if s.batch_size is not None]
    return sorted(sized, key=lambda s: s.batch_size or 0)


def median(values: Sequence[float]) -> float:
    """Return the median, in which infinite values count; NaN of none."""
    return float(np.quantile(values, 0.5, method="higher")) if len(values) else math.nan
