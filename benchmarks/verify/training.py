"""Training of a workload with an optimizer as it is: no tuning, some seeds."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from keras_optim.compare.contenders.contender import Contender
from keras_optim.compare.training.engine import Configuration, Outcome, train
from keras_optim.compare.training.engines import Engines
from keras_optim.compare.training.problem import Problem
from keras_optim.compare.workload import Workload

Tell = Callable[[float], None]
"""Receives the share of the work that is done."""


class Diverged(Exception):
    """End of a training whose loss is not finite, or too large."""


def trained(workload: Workload, optimizer: Any, seeds: Sequence[int], tell: Tell) -> list[Outcome]:
    """Train with each seed, from weights that are the same on every backend.

    Raises:
        Diverged: a training diverged.
    """
    problem = Problem(workload, cache={"width": 1})  # one seed at a time, on accelerators, too
    engine = Engines(problem, Contender.of(optimizer)).of({})
    outcomes = []
    for k, seed in enumerate(seeds):
        moved = partial(_moved, tell, k, len(seeds), workload.epochs)
        [outcome] = train(engine, [Configuration({}, seed, True)], problem.subject, moved)
        if outcome.reason:
            raise Diverged(f"seed {seed}: {outcome.reason}")
        outcomes.append(outcome)
    return outcomes


def _moved(tell: Tell, run: int, runs: int, epochs: int, epoch: int, step: int, steps: int) -> None:
    part = step / steps if steps else 0.0
    tell((run + (epoch + part) / epochs) / runs)
