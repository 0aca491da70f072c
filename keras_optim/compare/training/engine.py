"""Engine: the interface of the trainers, and the training that they have in common.

An engine trains one optimizer on one problem. It keeps compiled steps and models from one
configuration to the next, so only the first pays for them.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import numpy as np

from keras_optim.compare.comparison import Subject

Numbers = Mapping[str, float]
WINDOWS = 400
"""The most values that are kept of a measure of each step."""
DIVERGED = 10.0
"""A loss this many times the one before training counts as diverged."""


@dataclass(frozen=True)
class Configuration:
    """Hyper-parameters and seed of a run."""

    hyperparameters: Mapping[str, Any]
    seed: int
    test: bool
    """Whether the test set is evaluated in the end."""


@dataclass
class Outcome:
    """Numbers of a run; see `Run`."""

    reason: str = ""
    """Why it diverged; empty for a run that is done."""
    epochs: dict[str, list[float]] = field(default_factory=dict)
    steps: dict[str, list[float]] = field(default_factory=dict)
    test: dict[str, float] = field(default_factory=dict)
    cost: dict[str, float] = field(default_factory=dict)


class Engine(Protocol):
    """Trainer of several configurations side by side: `width` of them at most."""

    width: int

    def begin(self, configurations: Sequence[Configuration]) -> None:
        """Start from the initial weights with these."""

    def epoch(self, number: int, tell: Callable[[int, int], None]) -> list[dict[str, Any]]:
        """Train for an epoch; return for each configuration the values of each step by name.

        These are `loss`, `gradient_norm`, `update_norm`, `learning_rate` and the metrics (the last
        value of a metric is that of the epoch). `tell` is called with the steps done and in all.
        """

    def evaluate(self, part: str) -> list[Numbers]:
        """Return loss and metrics on `validation` or `test`, with evaluation weights."""

    def keep(self, which: Sequence[int]) -> None:
        """Keep the evaluation weights of some configurations."""

    def evaluate_kept(self, part: str) -> list[Numbers]:
        """Return loss and metrics with the weights that were kept."""

    @property
    def cost(self) -> dict[str, float]:
        """Compile seconds, bytes of weights, of state and of the peak."""


def train(
    engine: Engine,
    configurations: Sequence[Configuration],
    subject: Subject,
    tell: Callable[[int, int, int], None],
) -> list[Outcome]:
    """Train some configurations side by side.

    Args:
        engine: Of an optimizer and a problem.
        configurations: `engine.width` of them at most; all test, or none does.
        subject: Facts about the workload.
        tell: Called with the epochs done, and the steps done and in all of the present one.
    """
    engine.begin(configurations)
    books = [_Book(subject, before) for before in engine.evaluate("validation")]
    for number in range(subject.epochs):
        start = time.perf_counter()
        steps = engine.epoch(number, partial(tell, number))
        seconds = time.perf_counter() - start
        found = engine.evaluate("validation")
        for book, values, validation in zip(books, steps, found, strict=True):
            book.add(values, validation, seconds)
        engine.keep([k for k, book in enumerate(books) if book.improved])
        if all(book.outcome.reason for book in books):
            break
    return _ended(engine, configurations, books, subject)


def _ended(
    engine: Engine,
    configurations: Sequence[Configuration],
    books: "Sequence[_Book]",
    subject: Subject,
) -> list[Outcome]:
    if subject.test is not None and configurations[0].test:
        last, best = engine.evaluate("test"), engine.evaluate_kept("test")
        for book, end, top in zip(books, last, best, strict=True):
            if not book.outcome.reason:
                book.outcome.test = {**top, **{f"final_{name}": v for name, v in end.items()}}
    cost = engine.cost
    for book in books:
        outcome = book.outcome
        outcome.steps = windows(book.steps)
        outcome.cost = {**cost, **book.cost}
    return [book.outcome for book in books]


class _Book:
    """Record of one configuration: its values of each step and epoch."""

    def __init__(self, subject: Subject, before: Numbers):
        self.subject = subject
        self.names = [m.name for m in subject.metrics]
        self.outcome = Outcome()
        self.steps: dict[str, list[float]] = {}
        epochs = self.outcome.epochs
        for name in self.names:
            epochs[name], epochs[f"val_{name}"] = [math.nan], [float(before[name])]
        epochs["seconds"] = [math.nan]
        self.initial = float(before["loss"])
        self.best = math.inf, math.inf
        self.improved = False

    def add(self, values: Mapping[str, Any], validation: Numbers, seconds: float) -> None:
        """Add an epoch, unless the run diverged before; tell whether it is the best so far."""
        self.improved = False
        if self.outcome.reason:
            return
        losses = np.asarray(values["loss"], float)
        for name, series in values.items():
            if name not in self.names or name == "loss":
                self.steps.setdefault(name, []).extend(np.asarray(series, float).tolist())
        epochs = self.outcome.epochs
        for name in self.names:
            series = np.asarray(values.get(name, math.nan), float)  # a model may test with more
            epochs[name].append(float(losses.mean() if name == "loss" else series.ravel()[-1]))
            epochs[f"val_{name}"].append(float(validation[name]))
        epochs["seconds"].append(seconds)
        self.outcome.reason = self._judged(losses, validation)
        key = self._key(validation)
        self.improved = not self.outcome.reason and key < self.best
        self.best = min(key, self.best)

    def _judged(self, losses: Any, validation: Numbers) -> str:
        """Return the reason if the run diverged."""
        mean = float(losses.mean())
        if not np.all(np.isfinite(losses)) or not math.isfinite(validation["loss"]):
            return "the loss is not finite"
        if mean > DIVERGED * abs(self.initial):
            return f"the loss {mean:.3g} is over {DIVERGED:g} x the initial {self.initial:.3g}"
        return ""

    def _key(self, validation: Numbers) -> tuple[float, float]:
        value = validation[self.subject.judge]
        turned = -value if self.subject.higher else value
        return (math.inf if math.isnan(turned) else turned), validation["loss"]

    @property
    def cost(self) -> dict[str, float]:
        """The seconds of training and of a step, and the steps of an epoch.

        The first epoch, which compiles, does not count for the time of a step.
        """
        seconds = self.outcome.epochs["seconds"][1:]
        steps = len(self.steps.get("loss", ())) / max(len(seconds), 1)
        later = float(np.median(seconds[1:])) if len(seconds) > 1 else math.nan
        step = later / steps if steps else math.nan
        return {"seconds": sum(seconds), "steps_per_epoch": steps, "step_seconds": step}


def windows(steps: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    """Return the means over equal windows of the steps; `step` is the last step of each.

    >>> windows({"loss": [4.0, 2.0, 1.0]})
    {'step': [1.0, 2.0, 3.0], 'loss': [4.0, 2.0, 1.0]}
    """
    count = max((len(v) for v in steps.values()), default=0)
    if not count:
        return {}
    size = -(-count // WINDOWS)
    ends = [min(k + size, count) for k in range(0, count, size)]
    found = {"step": [float(end) for end in ends]}
    for name, values in steps.items():
        array = np.asarray(values, float)
        found[name] = [float(array[k : k + size].mean()) for k in range(0, count, size)]
    return found
