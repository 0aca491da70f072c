"""Ranks: the average place of each optimizer, and which places are not distinguishable.

Demšar (2006), Statistical comparisons of classifiers over multiple data sets,
https://jmlr.org/papers/v7/demsar06a.html.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from keras_optim.compare.analysis.margins import LEVEL, Array
from keras_optim.compare.analysis.selection import complete, independent, scores_of
from keras_optim.compare.comparison import Comparison


@dataclass(frozen=True)
class Ranks:
    """Ranks of the optimizers in each block, from 1, the best; equal ones share the mean rank.

    Blocks are workloads, each ranked by the share of seeds that reached the end, then the mean
    score. With one workload they are its seeds, and the result says nothing about other tasks.
    """

    optimizers: tuple[str, ...]
    """By rising average rank."""
    blocks: tuple[str, ...]
    kind: Literal["workload", "seed"]
    table: Array
    """The rank in each block (rows) of each optimizer (columns)."""
    statistic: float
    """Friedman's; NaN with fewer than two blocks or three optimizers."""
    p_value: float
    """The chance of such a statistic if no optimizer differs; rough with few blocks."""
    critical_difference: float
    """Nemenyi's, at 5 %: average ranks closer than this are not distinguishable."""
    groups: tuple[tuple[str, ...], ...]
    """The largest sets of optimizers whose average ranks are not distinguishable."""

    @property
    def averages(self) -> Mapping[str, float]:
        """The average rank of each optimizer, rising."""
        return dict(zip(self.optimizers, _averages(self.table).tolist(), strict=True))


def ranks(comparison: Comparison, workloads: Sequence[str] | None = None) -> Ranks:
    """Return the ranks on several workloads, or on the seeds of one.

    Without `workloads` it covers each that is no variant of another one. Optimizers that were not
    judged on each of them are left out.
    """
    names = tuple(independent(comparison) if workloads is None else workloads)
    comparison = complete(comparison, names)
    kind: Literal["workload", "seed"] = "seed" if len(names) == 1 else "workload"
    keys = _by_seed(comparison, names[0]) if kind == "seed" else _by_workload(comparison, names)
    table = np.array([_ranked(block) for block in keys.values()])
    table = table.reshape(len(keys), len(comparison.optimizers))
    order = np.argsort(_averages(table), kind="stable")
    table = table[:, order]
    optimizers = tuple(comparison.optimizers[i] for i in order)
    statistic, p_value = _friedman(table)
    distance = nemenyi(len(optimizers), len(keys))
    groups = _groups(optimizers, _averages(table), distance)
    return Ranks(optimizers, tuple(keys), kind, table, statistic, p_value, distance, groups)


def nemenyi(optimizers: int, blocks: int) -> float:
    """Return Nemenyi's critical difference of average ranks; infinite if nothing can be told."""
    if optimizers < 2 or blocks < 2:
        return math.inf
    quantile = float(stats.studentized_range.ppf(1 - LEVEL, optimizers, np.inf))
    return quantile * math.sqrt(optimizers * (optimizers + 1) / (12 * blocks))


Key = tuple[float, float]


def _by_workload(comparison: Comparison, names: Sequence[str]) -> dict[str, list[Key]]:
    """Return a key of each optimizer on each workload: the smaller, the better."""
    found = {}
    for name in names:
        scores = scores_of(comparison, name)
        sign = -1 if comparison.subjects[name].higher else 1
        keys = [_key([sign * v for v in scores[o].values()]) for o in comparison.optimizers]
        found[name] = keys
    return found


def _by_seed(comparison: Comparison, workload: str) -> dict[str, list[Key]]:
    """Return a key of each optimizer at each seed."""
    scores = scores_of(comparison, workload)
    sign = -1 if comparison.subjects[workload].higher else 1
    seeds = sorted({seed for of_seeds in scores.values() for seed in of_seeds})
    return {
        f"seed {seed}": [
            _key([sign * scores[o].get(seed, math.nan)]) for o in comparison.optimizers
        ]
        for seed in seeds
    }


def _key(values: Sequence[float]) -> Key:
    """Return the share of misses and the mean of the rest."""
    done = [value for value in values if math.isfinite(value)]
    if not done:
        return 1.0, 0.0
    return 1 - len(done) / len(values), float(np.mean(done))


def _ranked(keys: Sequence[Key]) -> Array:
    places = {key: place for place, key in enumerate(sorted(set(keys)))}
    return np.asarray(stats.rankdata([places[key] for key in keys]))


def _averages(table: Array) -> Array:
    """Return the average rank of each optimizer; NaN without blocks."""
    return table.mean(0) if len(table) else np.full(table.shape[1], math.nan)


def _friedman(table: Array) -> tuple[float, float]:
    """Return Friedman's statistic, corrected for equal ranks, and its p-value."""
    blocks, optimizers = table.shape
    if blocks < 2 or optimizers < 3:
        return math.nan, math.nan
    if np.all(table == table[0, 0]):
        return 0.0, 1.0
    result = stats.friedmanchisquare(*table.T)
    return float(result.statistic), float(result.pvalue)


def _groups(names: Sequence[str], means: Array, distance: float) -> tuple[tuple[str, ...], ...]:
    """Return the longest stretches of sorted averages that span less than the distance."""
    groups: list[tuple[str, ...]] = []
    end = 0
    for start in range(len(names)):
        stop = start + int(np.sum(means[start:] - means[start] < distance))
        if stop > end:
            groups.append(tuple(names[start:stop]))
            end = stop
    return tuple(groups)
