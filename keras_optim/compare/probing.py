"""Probe of durations: a few steps of one optimizer, from which `--dry-run` estimates the time."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

from keras_optim.compare.contenders.contender import Contender
from keras_optim.compare.training import data
from keras_optim.compare.training.engine import Configuration
from keras_optim.compare.training.engines import Engines
from keras_optim.compare.training.problem import Problem

STEPS = 20
"""Steps of a probe."""


class Few:
    """Some batches of a source."""

    def __init__(self, source: data.Batches):
        self.source = source

    def __iter__(self) -> Iterator[Any]:
        return islice(self.source.each(), STEPS)


def probe(problem: Problem, contender: Contender) -> dict[str, float]:
    """Return the seconds of the parts of a run, and the steps of an epoch.

    `compile` is spent once for each contest, `begin` once for each run, `step` and `evaluate` for
    each step and epoch.
    """
    short, steps, few = _short(problem)
    engine = Engines(short, contender).of({})
    configuration = Configuration({}, 0, test=False)

    def seconds(part: Callable[[], object]) -> float:
        start = time.perf_counter()
        part()
        return time.perf_counter() - start

    def once() -> tuple[float, float, float]:
        begin = seconds(lambda: engine.begin([configuration]))
        evaluate = seconds(lambda: engine.evaluate("validation"))
        return begin, seconds(lambda: engine.epoch(0, lambda *_: None)), evaluate

    first, second = once(), once()
    return {
        "compile": max(0.0, sum(first) - sum(second)),
        "begin": second[0],
        "step": second[1] / few,
        "evaluate": second[2],
        "steps": steps,
    }


def _short(problem: Problem) -> tuple[Problem, int, int]:
    """Return a problem of few steps, the steps of the whole one, and of the short one."""
    parts, given = problem.parts, problem.workload
    train = parts.train
    if isinstance(train, data.Arrays):
        size = problem.batch_size
        assert size is not None
        steps = max(1, train.count // size)
        few = min(steps, STEPS)
        source: Any = train.take(slice(0, few * size)).parts
    else:
        steps = _length(train)
        few, source = min(steps, STEPS), Few(train)
    validation = parts.validation
    held = validation.parts if isinstance(validation, data.Arrays) else validation.source
    short = replace(given, data=source, validation=held, test=None)
    return Problem(short, problem.precision), steps, max(few, 1)


def _length(train: data.Batches) -> int:
    """Return the number of batches of an epoch."""
    try:
        return max(1, len(train.source))
    except TypeError:
        return max(1, sum(1 for _ in train.each()))
