"""Recommendation: the best optimizer over one or several workloads, and how sure that is."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from keras_optim.compare.analysis.claims import Claim, claims
from keras_optim.compare.analysis.ranks import ranks
from keras_optim.compare.analysis.table import rows
from keras_optim.compare.comparison import Comparison

SHOWN = 5
"""Names in a sentence before it only counts."""

NOTHING = (
    "No training with any optimizer reached the end, so there is no recommendation. A run ends when"
    " its loss is not finite, or ten times the first one: look at the model and at the data."
)


@dataclass(frozen=True)
class Answer:
    """Answer to the question which optimizer to use."""

    name: str
    hyperparameters: Mapping[str, Mapping[str, Any]]
    """The chosen values on each workload."""
    tied: tuple[str, ...]
    """Optimizers that did as well, as far as the seeds can tell, the better first."""
    sure: str
    """How sure the answer is, in plain English."""

    def __str__(self) -> str:
        return self.sure


def best(comparison: Comparison, workloads: Sequence[str] | None = None) -> Answer:
    """Return the best optimizer over the workloads; without them over all.

    It is the optimizer that is the best, or tied with it, on most of them; of several such, that of
    the lowest average rank. The others are the tied ones.
    """
    names = tuple(comparison.subjects if workloads is None else workloads)
    found = {workload: claims(comparison, workload) for workload in names}
    order = _order(comparison, names, found)
    tops = {name: sum(_top(found[w][name]) for w in names) for name in order}
    winner = max(order, key=tops.__getitem__)  # the first of equal ones
    most = tops[winner]
    tied = tuple(name for name in order if tops[name] == most > 0 and name != winner)
    if all(c.misses == c.seeds for each in found.values() for c in each.values()):
        sentences = [NOTHING]
    else:
        sentences = [
            _one(found[names[0]][winner], tied, found[names[0]].values())
            if len(names) == 1
            else _several(winner, most, tied, found),
            *_warnings(winner, comparison, names, found),
        ]
    values = {w: comparison.chosen.get((w, winner), {}) for w in names}
    return Answer(winner, values, tied, " ".join(sentences))


def _order(
    comparison: Comparison, names: Sequence[str], found: Mapping[str, Mapping[str, Claim]]
) -> list[str]:
    """Return the optimizers from the best to the worst; on one workload as in its table."""
    return list(found[names[0]] if len(names) == 1 else ranks(comparison, names).optimizers)


def _top(claim: Claim) -> bool:
    return claim.verdict in ("best", "tied")


def _one(claim: Claim, tied: Sequence[str], claimed: Collection[Claim]) -> str:
    """Return how sure the best of one workload is."""
    name = claim.optimizer
    if claim.verdict != "best":
        return (
            f"{name} has the best score, from {_count(claim.seeds - claim.misses, 'seed')}; "
            "these are too few to tell it from chance."
        )
    seeds = _count(claim.seeds, "seed")
    if len(claimed) == 1:
        return f"{name} is the only optimizer."
    if not tied and not any(other.misses for other in claimed):
        return f"{name} is better than each other optimizer, by more than chance over {seeds}."
    if not tied:
        return (
            f"{name} is better, by more than chance over {seeds}, than each optimizer that "
            "diverged or failed no more often."
        )
    return f"{name} has the best mean over {seeds}, but {_listed(tied)} did as well within chance."


def _several(
    winner: str, most: int, tied: Sequence[str], found: Mapping[str, Mapping[str, Claim]]
) -> str:
    """Return how sure the best of several workloads is."""
    total = len(found)
    if not most:
        return (
            f"{winner} has the lowest average rank over {total} workloads; there are too few seeds "
            "to know more."
        )
    where = f"on each of {total} workloads" if most == total else f"on {most} of {total} workloads"
    first = f"{winner} is the best, or tied with the best, {where}"
    first += "." if most == total else ", more often than others." if not tied else "."
    if not tied:
        return first + (" No other optimizer is." if most == total else "")
    return (
        first
        + f" So {'is' if len(tied) == 1 else 'are'} {_listed(tied)}; the average rank decided."
    )


def _warnings(
    winner: str,
    comparison: Comparison,
    names: Sequence[str],
    found: Mapping[str, Mapping[str, Claim]],
) -> list[str]:
    """Return sentences about doubts that no margin shows."""
    warnings = []
    misses = sum(found[w][winner].misses for w in names)
    if misses:
        total = sum(found[w][winner].seeds for w in names)
        warnings.append(f"{misses} of its {total} judging runs diverged or failed.")
    unjudged = [o for o in comparison.optimizers if any(not found[w][o].seeds for w in names)]
    if unjudged:
        warnings.append(f"Without judging runs: {_listed(unjudged)}.")
    if comparison.setting.tune == "none":
        warnings.append("Nothing was tuned, so this compares defaults.")
    at_edge = [
        w for w in names for row in rows(comparison, w) if row.optimizer == winner and row.edge
    ]
    if at_edge:
        where = "" if len(names) == 1 else f" on {_listed(at_edge)}"
        warnings.append(
            f"Its rate lies at an edge of those tried{where}, so a better one may lie beyond."
        )
    return warnings


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}" + ("" if number == 1 else "s")


def _listed(names: Sequence[str]) -> str:
    """Return names as a list in a sentence, and the number of those beyond the first few."""
    shown = [*names[:SHOWN], *([f"{len(names) - SHOWN} more"] if len(names) > SHOWN else [])]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
