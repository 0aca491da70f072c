"""Claims: which optimizers are distinguishable from the best of a workload, and which are not."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from keras_optim.compare.analysis.margins import FEWEST_SEEDS, critical, errors, noise
from keras_optim.compare.analysis.selection import scores_of
from keras_optim.compare.comparison import Comparison, Subject

Verdict = Literal["best", "tied", "worse", "missed", "no spread", "not judged"]

Values = Mapping[str, Mapping[int, float]]
"""Scores by optimizer and seed, turned so that a higher one is better."""

RULE = (
    "An optimizer is called worse than the best if their mean scores differ by more than a margin, "
    "and tied otherwise. The margin comes from simulated comparisons of equal optimizers, as many "
    "and over as many seeds as here. In 95 % of these, the best of them leads each other one by "
    "less. The noise of an optimizer is its standard deviation over seeds, less the effect that a "
    "seed has on all optimizers. It is at least the median noise of the better half. An optimizer "
    "with runs that diverged or failed ranks below those with fewer. With fewer than "
    f"{FEWEST_SEEDS} seeds there is no spread, and nothing is claimed."
)
"""Rule of the verdicts, for the reader of a report."""


@dataclass(frozen=True)
class Claim:
    """Verdict about an optimizer on a workload."""

    optimizer: str
    verdict: Verdict
    """`missed`: more runs than of the best diverged or failed. `no spread`: too few seeds.
    `not judged`: no run with the seeds that judge, because none of tuning reached the end, or
    because the comparison was interrupted."""
    mean: float
    """The mean score of the seeds that reached the end; NaN if none did."""
    difference: float
    """The amount by which it is worse than the best, over common seeds; NaN without these."""
    margin: float
    """The difference that chance explains; NaN where nothing is claimed."""
    seeds: int
    """Judging runs that have ended."""
    misses: int
    """Those of them that diverged or failed."""


def claims(comparison: Comparison, workload: str) -> dict[str, Claim]:
    """Return the claims about all optimizers on a workload, from the best to the worst."""
    subject = comparison.subjects[workload]
    sign = 1 if subject.higher else -1
    values = {
        name: {seed: sign * value for seed, value in of_seeds.items()}
        for name, of_seeds in scores_of(comparison, workload).items()
    }
    order = sorted(values, key=lambda name: _standing(values[name]))
    margins = _margins(order, values, subject)
    differences = {name: _difference(values[order[0]], values[name]) for name in order}
    verdicts = _verdicts(order, values, differences, margins)
    return {
        name: Claim(
            optimizer=name,
            verdict=verdicts[name],
            mean=sign * _mean(_done(values[name]).values()),
            difference=differences[name],
            margin=margins.get(name, math.nan),
            seeds=len(values[name]),
            misses=len(values[name]) - len(_done(values[name])),
        )
        for name in order
    }


def _standing(scores: Mapping[int, float]) -> tuple[float, int, float]:
    """Return a key that sorts by the share of seeds reached, their number, and the mean score."""
    done = _done(scores)
    if not done:
        return 0.0, -len(scores), 0.0
    return -len(done) / len(scores), -len(done), -_mean(done.values())


def _done(scores: Mapping[int, float]) -> dict[int, float]:
    return {seed: value for seed, value in scores.items() if math.isfinite(value)}


def _peers(order: Sequence[str], values: Values) -> list[str]:
    """Return the optimizers of which as many seeds reached the end as of the best."""
    first = _standing(values[order[0]])[:2]
    return [name for name in order if _standing(values[name])[:2] == first]


def _margins(order: Sequence[str], values: Values, subject: Subject) -> dict[str, float]:
    """Return the margin of each peer of the best; none with too few seeds in common."""
    peers = _peers(order, values)
    seeds = sorted(set.intersection(*(set(_done(values[name])) for name in peers)))
    if len(peers) < 2 or len(seeds) < FEWEST_SEEDS:
        return {}
    scores = np.array([[values[name][seed] for seed in seeds] for name in peers])
    noises = np.maximum(noise(scores), _rounding(subject))
    margins = critical(len(seeds), len(peers)) * errors(noises, np.array(0), len(seeds))
    return dict(zip(peers[1:], margins[1:].tolist(), strict=True))


def _rounding(subject: Subject) -> float:
    """Return the standard deviation that a share of a number of examples has by rounding.

    Few seeds of a small test set can agree exactly, which is no proof that they always would.
    """
    examples = subject.validation if subject.test is None else subject.test
    return 1 / (math.sqrt(12) * examples) if subject.higher and examples else 0.0


def _difference(best: Mapping[int, float], other: Mapping[int, float]) -> float:
    """Return the mean difference over the seeds that both reached."""
    both = sorted(_done(best).keys() & _done(other).keys())
    return _mean([best[seed] - other[seed] for seed in both])


def _verdicts(
    order: Sequence[str],
    values: Values,
    differences: Mapping[str, float],
    margins: Mapping[str, float],
) -> dict[str, Verdict]:
    """Return the verdicts; the best is called so unless judging another one has only begun."""
    best, *others = order
    share = _standing(values[best])[0]
    verdicts: dict[str, Verdict] = {}
    for name in others:
        if _standing(values[name])[0] > share or share == 0:
            verdicts[name] = "missed" if values[name] else "not judged"
        elif name not in margins:
            verdicts[name] = "no spread"
        else:
            verdicts[name] = "worse" if differences[name] > margins[name] else "tied"
    begun = any(verdict == "no spread" and values[name] for name, verdict in verdicts.items())
    enough = len(_done(values[best])) >= FEWEST_SEEDS and not begun
    first: Verdict = "best" if enough else "no spread"
    return {best: "missed" if share == 0 and values[best] else first, **verdicts}


def _mean(values: Collection[float]) -> float:
    return float(np.mean(list(values))) if values else math.nan
