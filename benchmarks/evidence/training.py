"""Trainings of one optimizer on one task: all rates and seeds share one compiled program.

The program is a `lax.scan` over the step that `fit` makes on JAX, second pass included. The
validation loss comes from `model.evaluate`, with evaluation weights where the optimizer has them.
"""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import keras
import numpy as np

import keras_optim
from benchmarks.evidence.contenders import Contender, schedule
from benchmarks.evidence.tasks import Task
from benchmarks.workloads.parts import Part


@dataclass(frozen=True)
class Result:
    """The validation loss after every `period` steps, and before the first."""

    losses: list[float]
    seconds: float
    """Of a step, the median over all evaluations."""

    @property
    def best(self) -> float:
        """The lowest loss; infinite for a training that diverged."""
        return min(self.losses) if math.isfinite(self.losses[-1]) else math.inf


class Program:
    """The compiled training of one optimizer on one task."""

    def __init__(self, task: Task, contender: Contender, train: Part, validation: Part):
        self.task, self.contender, self.validation = task, contender, validation
        self.count = len(train.y)
        self.data = (jax.numpy.asarray(train.x), jax.numpy.asarray(train.y))
        self.shape = schedule(contender, task.steps)
        self.model = self._new(0)
        variables = self.model.optimizer.variables
        self.rate = [v is self.model.optimizer._learning_rate for v in variables].index(True)
        self.scan = jax.jit(self._steps)

    def _new(self, seed: int) -> Any:
        """Return a new model, whose weights and dropout masks follow from the seed."""
        keras.utils.set_random_seed(seed)
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(self.contender.policy)
        try:
            model = self.task.build()
        finally:
            keras.config.set_dtype_policy(before)
        model.compile(self.contender.make(self.task.steps), **self.task.objective())
        keras_optim.two_pass(model)
        model.optimizer.build(model.trainable_variables)
        model._symbolic_build(data_batch=tuple(a[: self.task.batch_size] for a in self.data))
        return model

    def _steps(self, state: Any, rows: Any, rates: Any, data: Any) -> Any:
        def one(state: Any, at: Any) -> Any:
            row, rate = at
            trained, fixed, optimizer, metrics = state
            optimizer = [rate if k == self.rate else v for k, v in enumerate(optimizer)]
            batch = tuple(array[row] for array in data)
            return self.model.train_step((trained, fixed, optimizer, metrics), batch)[1], None

        return jax.lax.scan(one, state, (rows, rates))[0]

    @property
    def bytes_per_weight(self) -> float:
        """The memory of weights and of their state, without numbers that all of them share."""
        weights, state = self.model.trainable_variables, self.model.optimizer.state
        kept = [*weights, *(v for slots in state.slots for v in slots.values())]
        return sum(v.value.nbytes for v in kept) / sum(v.value.size for v in weights)

    def begin(self, seed: int) -> None:
        """Give the model the values of a new one."""
        new = self._new(seed)
        for ours, theirs in zip(_variables(self.model), _variables(new), strict=True):
            for variable, value in zip(ours, theirs, strict=True):
                variable.assign(value.value)

    def advance(self, rows: Any, rates: Sequence[float]) -> float:
        """Make some steps; return the seconds they took."""
        state = [[v.value for v in group] for group in _variables(self.model)]
        start = time.perf_counter()
        after = jax.block_until_ready(
            self.scan(tuple(state), rows, np.asarray(rates, "float32"), self.data)
        )
        seconds = time.perf_counter() - start
        for group, values in zip(_variables(self.model), after, strict=True):
            for variable, value in zip(group, values, strict=True):
                variable.assign(value)
        return seconds

    def chunks(self, seed: int, rate: float) -> Iterator[tuple[Any, list[float]]]:
        """Yield the rows and rates from one evaluation to the next."""
        steps, size, period = self.task.steps, self.task.batch_size, self.task.period
        random, epochs = np.random.default_rng(seed), math.ceil(steps * size / self.count) + 1
        whole = self.count // size * size
        order = np.concatenate([random.permutation(self.count)[:whole] for _ in range(epochs)])
        rows = order[: steps * size].reshape(steps, size)
        for k in range(0, steps, period):
            yield rows[k : k + period], [rate * s for s in self.shape[k : k + period]]

    def loss(self) -> float:
        """Return the validation loss."""
        x, y = self.validation.x, self.validation.y
        with keras_optim.evaluation_weights(self.model):
            found = self.model.evaluate(x, y, batch_size=500, verbose=0, return_dict=True)
        return float(found["loss"])

    def trained(self, seed: int, rate: float) -> Result:
        """Train once. A loss three times that of the beginning ends it, as diverged."""
        self.begin(seed)
        losses, seconds = [self.loss()], []
        for rows, rates in self.chunks(seed, rate):
            seconds.append(self.advance(rows, rates) / len(rates))
            losses.append(self.loss())
            if not losses[-1] < 3 * losses[0]:
                losses[-1] = math.inf
                break
        return Result(losses, float(np.median(seconds)))


def _variables(model: Any) -> tuple[Any, ...]:
    return (
        model.trainable_variables,
        model.non_trainable_variables,
        model.optimizer.variables,
        model.metrics_variables,
    )
