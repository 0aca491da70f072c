"""Choice of the learning rate: one grid of multiples of each optimizer's own, and one rule."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from benchmarks.toys.functions import Function
from benchmarks.toys.walking import Walk
from keras_optim import catalog
from keras_optim.algorithms.hidden_matrices import ForHiddenMatrices
from keras_optim.compare.contenders.contender import Contender
from keras_optim.contract import layers

HALF_DECADES = tuple(range(-8, 9))
"""Steps of the grid from the optimizer's own rate; toys ask for other rates than networks."""
LATE = 10
"""The last of so many parts of the steps judges."""
FLOOR = 1e-8
"""Values below are equal, because the numbers are float32."""
DIVERGED = 10.0
"""A run whose last value is so many times that of the start is a miss."""
GOAL = 1e-3
"""Value at which a function counts as solved; the lowest is 0."""
RULE = (
    f"rate: the best of {len(HALF_DECADES)} in half decades, from 0.0001 to 10,000 times the "
    "optimizer's own (rate-free methods: their own); the best stays lowest over the last tenth of "
    "the steps, of equal ones it is the sooner within 0.001"
)


@dataclass(frozen=True, eq=False)
class Outcome:
    """Walk of an optimizer on a function at the rate that the rule chose."""

    walk: Walk
    half_decades: int | None
    """Of the rate from the optimizer's own; `None` for one that is rate-free."""
    misses: int
    """Rates at which it diverged."""

    @property
    def diverged(self) -> bool:
        """Whether it diverged at each rate."""
        return missed(self.walk)

    @property
    def solved(self) -> int | None:
        """The first step from which the value stays within `GOAL`, for the last tenth at least."""
        beyond = np.flatnonzero(~(self.walk.values <= GOAL))
        step = int(beyond[-1]) + 1 if len(beyond) else 0
        return step if step <= late(len(self.walk.values)) else None

    @property
    def at_edge(self) -> bool:
        """Whether the rate is the smallest or the largest of the grid."""
        return self.half_decades in (HALF_DECADES[0], HALF_DECADES[-1])


def is_free(contender: Contender) -> bool:
    """Whether an optimizer finds its rate itself: of that family, with a rate of 1, or Mechanic."""
    rows = [catalog.find(type(rule).__name__) for rule in layers(contender.make())]
    free = any(row and row.family == "free" for row in rows) and contender.rate == 1.0
    return free or any(row and row.name == "mechanic" for row in rows)


def rates(contender: Contender) -> list[float]:
    """Return the rates that are tried."""
    if is_free(contender):
        return [contender.rate]
    return [contender.rate * 10 ** (step / 2) for step in HALF_DECADES]


def fixed(contender: Contender) -> dict[str, Any]:
    """Return hyper-parameters that fit a single variable, where the user gave none.

    A default weight decay is off, because it moves the minimum. Muon and its kin have no output
    layer, because that is the only variable otherwise, and gets another rule.
    """
    found: dict[str, Any] = {}
    prefix, rule = "", contender.make()
    while rule is not None:
        inner = getattr(rule, "inner", None)
        default = None if inner is not None else type(rule)().weight_decay
        if default and rule.weight_decay == default:
            found[f"{prefix}weight_decay"] = 0.0
        if isinstance(rule, ForHiddenMatrices) and rule.output_layer == "auto":
            found[f"{prefix}output_layer"] = None
        prefix, rule = f"{prefix}inner.", inner
    return found


def chosen(walks: Sequence[Walk], free: bool) -> Outcome:
    """Return the outcome of the rule; of equal rates, that nearest to the optimizer's own."""
    steps = [0] if free else list(HALF_DECADES)
    each = [
        Outcome(walk, None if free else step, 0) for walk, step in zip(walks, steps, strict=True)
    ]
    best = min(each, key=lambda one: (*score(one), abs(one.half_decades or 0)))
    return replace(best, misses=sum(map(missed, walks)))


def score(outcome: Outcome) -> tuple[float, float]:
    """Return the largest late value, infinite for a miss, and the step of the solution."""
    if outcome.diverged:
        return math.inf, math.inf
    values = outcome.walk.values
    largest = float(values[late(len(values)) :].max())
    return max(largest, FLOOR), math.inf if outcome.solved is None else outcome.solved


def late(count: int) -> int:
    """Return the first of the places, of so many, that judge."""
    return count - max(1, count // LATE)


def missed(walk: Walk) -> bool:
    """Whether a walk diverged."""
    values = walk.values
    return not np.isfinite(values).all() or bool(values[-1] > DIVERGED * values[0])


def outcomes(
    walks: Sequence[Sequence[Walk]], functions: Sequence[Function], free: bool
) -> dict[str, Outcome]:
    """Return the outcome on each function, by its name."""
    pairs = zip(functions, walks, strict=True)
    return {function.name: chosen(each, free) for function, each in pairs}
