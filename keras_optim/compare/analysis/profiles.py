"""Performance profiles: the share of problems solved within a multiple of the fastest time."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from keras_optim.compare.analysis.margins import Array
from keras_optim.compare.analysis.selection import complete, independent, runs_of
from keras_optim.compare.analysis.targets import reached
from keras_optim.compare.comparison import Comparison

LARGEST = 4.0


@dataclass(frozen=True)
class Profile:
    """Performance profile of Dolan and Moré (2002) over workloads and seeds.

    A problem is a workload with one seed, solved when a run reaches the target, timed in steps. A
    miss never solves it. A problem that no optimizer solved counts as unsolved by each.
    """

    taus: Array
    shares: Mapping[str, Array]
    """For each optimizer the share of problems solved within tau times the fastest time."""
    problems: int

    def area(self, optimizer: str) -> float:
        """Return the mean share over the taus: 1 for one that is always the fastest."""
        mean = np.trapezoid(self.shares[optimizer], self.taus)
        return float(mean / (self.taus[-1] - self.taus[0]))


def profile(
    comparison: Comparison, workloads: tuple[str, ...] | None = None, largest: float = LARGEST
) -> Profile:
    """Return the performance profile over the workloads that have a target.

    Without `workloads` it covers each that is no variant of another one. Optimizers that were not
    judged on each of them are left out.
    """
    names = independent(comparison) if workloads is None else workloads
    aimed = [name for name in names if comparison.subjects[name].target is not None]
    comparison = complete(comparison, aimed)
    times = [problem for name in aimed for problem in _times(comparison, name)]
    taus = np.linspace(1, largest, 301)
    shares = {}
    for optimizer in comparison.optimizers:
        ratios = np.array([_ratio(problem, optimizer) for problem in times])
        solved = [(ratios <= tau * (1 + 1e-9)).mean() if times else math.nan for tau in taus]
        shares[optimizer] = np.array(solved)
    return Profile(taus, shares, len(times))


def _times(comparison: Comparison, workload: str) -> list[dict[str, float]]:
    """Return the steps to target of each optimizer, for each seed."""
    subject = comparison.subjects[workload]
    found: dict[int, dict[str, float]] = {}
    for name, runs in runs_of(comparison, workload, "judging").items():
        for run in runs:
            found.setdefault(run.spec.seed, {})[name] = reached(run, subject).steps
    return [found[seed] for seed in sorted(found)]


def _ratio(times: Mapping[str, float], optimizer: str) -> float:
    """Return an optimizer's time over the fastest; infinite where it has none."""
    own, fastest = times.get(optimizer, math.inf), min(times.values())
    return own / fastest if own < math.inf else math.inf
