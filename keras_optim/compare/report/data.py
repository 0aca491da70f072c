"""Numbers of figures, where the analysis has none."""

import math
from collections.abc import Sequence

import numpy as np

from keras_optim.compare.analysis import scores
from keras_optim.compare.comparison import Subject
from keras_optim.compare.report.view import View
from keras_optim.compare.runs import Run


def tuning_points(view: View, subject: Subject) -> dict[str, list[tuple[float, float]]]:
    """Return the rates that were tried for each optimizer, with their value; NaN for a miss."""
    points: dict[str, list[tuple[float, float]]] = {}
    for label in view.orders[subject.name]:
        for run in view.runs(subject.name, label, "tuning"):
            if run.learning_rate > 0:
                key = scores.tuning_key(run, subject)[0]
                value = -key if subject.higher else key
                known = value if math.isfinite(value) else math.nan
                points.setdefault(label, []).append((run.learning_rate, known))
    return {label: sorted(values) for label, values in points.items()}


def epochs_to_target(run: Run, subject: Subject) -> float:
    """Return the first epoch at the target; infinite if there is none."""
    if run.state != "done" or subject.target is None:
        return math.inf
    values = np.asarray(run.epochs[f"val_{subject.judge}"], float)[1:]
    hit = values >= subject.target if subject.higher else values <= subject.target
    return float(np.argmax(hit)) + 1 if hit.any() else math.inf


def target_epochs(view: View, subject: Subject) -> dict[str, list[float]]:
    """Return the epochs to the target of all seeds, the fastest optimizer first."""
    found = {
        label: [epochs_to_target(run, subject) for run in runs]
        for label in view.orders[subject.name]
        if (runs := view.runs(subject.name, label))
    }
    return dict(sorted(found.items(), key=lambda item: (np.median(item[1]), np.sum(item[1]))))


def seconds_to(run: Run, epochs: float) -> float:
    """Return the seconds of the first `epochs`."""
    if not math.isfinite(epochs):
        return math.inf
    return float(np.nansum(np.asarray(run.epochs["seconds"], float)[: int(epochs) + 1]))


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


def profile(view: View, most: float) -> dict[str, list[tuple[float, float]]]:
    """Return the share of workloads that are solved within each multiple of the fastest."""
    subjects = [s for s in view.comparison.subjects.values() if s.target is not None]
    if len(subjects) < 2:
        return {}
    times = {s.name: target_epochs(view, s) for s in subjects}
    ratios: dict[str, list[float]] = {label: [] for label in view.comparison.optimizers}
    for found in times.values():
        medians = {label: median(values) for label, values in found.items()}
        fastest = min(medians.values(), default=math.inf)
        for label in ratios:
            time = medians.get(label, math.inf)
            ratios[label].append(time / fastest if math.isfinite(time) else math.inf)
    grid = sorted({1.0, most, *(r for rs in ratios.values() for r in rs if r <= most)})
    return {
        label: [(tau, sum(r <= tau for r in rs) / len(rs)) for tau in grid]
        for label, rs in ratios.items()
    }


def ranks(view: View) -> dict[str, dict[str, float]]:
    """Return the rank of each optimizer on each workload, the best mean rank first."""
    if len(view.comparison.subjects) < 2:
        return {}
    table = {
        label: {name: view.orders[name].index(label) + 1.0 for name in view.orders}
        for label in view.comparison.optimizers
    }
    return dict(sorted(table.items(), key=lambda item: sum(item[1].values())))
