"""Engine on JAX: the steps of an epoch are one compiled loop over the model's own train step.

Several configurations can share a program: their states are stacked, and each step is mapped over
them. The count of steps is not mapped, so that costly work every few steps stays rare.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from keras_optim import keras_private
from keras_optim.callbacks.access import inside_loss_scale
from keras_optim.compare.contenders.contender import RATE, Contender
from keras_optim.compare.training import data, statistics
from keras_optim.compare.training.engine import Configuration, Numbers
from keras_optim.compare.training.evaluator import evaluation_weights, evaluator
from keras_optim.compare.training.measured_step import MeasuredStep
from keras_optim.compare.training.problem import Problem

CHUNK = 500
"""The most steps of one call, so that progress shows."""
STACKED = 8
"""Configurations side by side on an accelerator."""


def stacked() -> int:
    """Return the number of configurations side by side: 1 on a CPU, where more gain nothing."""
    return 1 if jax.default_backend() == "cpu" else STACKED


def convolves_on_cpu(problem: Problem, train: data.Arrays) -> bool:
    """Tell whether the model convolves on a CPU, where XLA is slow at it within a loop.

    The gradient of a convolution takes 5 to 80 times as long there as outside (JAX 0.10).
    """
    if jax.default_backend() != "cpu":
        return False
    if "convolves" not in problem.cache:
        model = problem.reference
        groups = (model.trainable_variables, model.non_trainable_variables, model.metrics_variables)
        state = tuple([v.value for v in group] for group in groups)
        batch = train.take(slice(0, problem.batch_size)).parts
        program = str(jax.make_jaxpr(model.test_step)(state, batch))
        problem.cache["convolves"] = "conv_general_dilated" in program
    return bool(problem.cache["convolves"])


class Compiled:
    """Engine of one optimizer on one problem, on JAX.

    Args:
        problem: The workload in this process.
        contender: The optimizer.
        fixed: Hyper-parameters other than the rate, which a program cannot change.
        width: Configurations side by side. Default: 1 on a CPU, where more gain nothing, else 8.
    """

    def __init__(
        self, problem: Problem, contender: Contender, fixed: Any = None, width: int | None = None
    ):
        self.problem, self.contender, self.fixed = problem, contender, dict(fixed or {})
        self.width = stacked() if width is None else width
        self.model = self._new(0)
        optimizer = self.model.optimizer
        rate = keras_private.learning_rate(optimizer)
        self.rate_at = next((k for k, v in enumerate(optimizer.variables) if v is rate), None)
        count = keras_private.iterations(optimizer)
        self.count_at = next(k for k, v in enumerate(optimizer.variables) if v is count)
        self.step = MeasuredStep(self.model)
        self.programs: dict[Any, Any] = {}
        self.compile_seconds = 0.0
        self.peak_bytes = 0.0
        self.state: tuple[Any, ...] = ()
        self.kept: Any = None
        self.active: list[Configuration] = []

    def _new(self, seed: int, rate: float | None = None) -> Any:
        values = {**self.fixed, **({} if rate is None else {RATE: rate})}
        return self.problem.model(seed, partial(self.contender.make, values))

    # ---- the interface of engines

    def begin(self, configurations: Sequence[Configuration]) -> None:
        """Start with the initial weights; the last configuration fills the places that are left."""
        self.active = list(configurations)
        padded = [*configurations, *[configurations[-1]] * (self.width - len(configurations))]
        states = [self._start(c) for c in padded]
        self.state = jax.tree.map(lambda *v: jnp.stack(v), *states) if self.width > 1 else states[0]
        if self.width > 1:
            self.state[2][self.count_at] = states[0][2][self.count_at]
        self.kept = None

    def _start(self, configuration: Configuration) -> tuple[Any, ...]:
        model = self._new(configuration.seed)
        rate = configuration.hyperparameters.get(RATE)
        if self.rate_at is not None and rate is not None:
            model.optimizer.learning_rate = rate
        groups = (
            model.trainable_variables,
            model.non_trainable_variables,
            model.optimizer.variables,
            model.metrics_variables,
        )
        return tuple([jnp.array(v.value) for v in group] for group in groups)

    def epoch(self, number: int, tell: Callable[[int, int], None]) -> list[dict[str, Any]]:
        """Train for an epoch."""
        metrics = [jnp.zeros_like(v) for v in self.state[3]]
        self.state = (*self.state[:3], metrics)
        train = self.problem.parts_for(self.active[0].seed).train
        if isinstance(train, data.Arrays):
            found = list(self._over_arrays(train, number, tell))
        else:
            found = list(self._over_batches(train, tell))
        joined = jax.tree.map(lambda *v: np.concatenate(v), *found)
        if self.width == 1:
            return [joined]
        return [{name: v[:, k] for name, v in joined.items()} for k in range(len(self.active))]

    def _over_arrays(
        self, train: data.Arrays, number: int, tell: Callable[[int, int], None]
    ) -> Iterator[Any]:
        size = self.problem.batch_size
        assert size is not None
        seeds = [c.seed for c in self.active]
        seeds += [seeds[-1]] * (self.width - len(seeds))
        each = [data.rows(train.count, size, seed, number) for seed in seeds]
        rows = np.stack(each, axis=1) if self.width > 1 else each[0]
        total = len(rows)
        pieces = -(-total // CHUNK)
        done = 0
        steps = self._one_by_one if convolves_on_cpu(self.problem, train) else self._looped
        for piece in np.array_split(rows, pieces):
            yield jax.tree.map(np.asarray, steps(piece, self._on_device(train)))
            done += len(piece)
            tell(done, total)

    def _looped(self, rows: Any, arrays: Any) -> Any:
        self.state, logs = self._called("chunk", self._chunk, self.state, rows, arrays)
        return logs

    def _one_by_one(self, rows: Any, arrays: Any) -> Any:
        each = []
        for row in rows:
            self.state, logs = self._called("row", self._row, self.state, row, arrays)
            each.append(logs)
        return jax.tree.map(lambda *v: jnp.stack(v), *each)

    def _over_batches(self, train: data.Batches, tell: Callable[[int, int], None]) -> Iterator[Any]:
        for done, batch in enumerate(train.each(), 1):
            self.state, logs = self._called("step", self._step, self.state, batch)
            yield jax.tree.map(lambda v: np.asarray(v)[None], logs)
            tell(done, 0)

    def evaluate(self, part: str) -> list[Numbers]:
        """Return loss and metrics with evaluation weights."""
        return self._evaluated(part, self._weights())

    def keep(self, which: Sequence[int]) -> None:
        """Keep a copy of the evaluation weights."""
        if not which:
            return
        now = self._weights()
        if self.width == 1 or self.kept is None:
            self.kept = jax.tree.map(jnp.copy, now)
            return
        chosen = np.zeros(self.width, bool)
        chosen[list(which)] = True

        def pick(new: Any, old: Any) -> Any:
            return jnp.where(chosen.reshape(-1, *[1] * (new.ndim - 1)), new, old)

        self.kept = jax.tree.map(pick, now, self.kept)

    def evaluate_kept(self, part: str) -> list[Numbers]:
        """Return loss and metrics with the weights that were kept, or without any, the last."""
        return self._evaluated(part, self.kept if self.kept is not None else self._weights())

    @property
    def cost(self) -> dict[str, float]:
        """Compile seconds, bytes of weights, of state and of the peak."""
        optimizer = inside_loss_scale(self.model.optimizer)
        apart = keras_private.iterations(optimizer), keras_private.learning_rate(optimizer)
        state = [v for v in optimizer.variables if all(v is not other for other in apart)]
        return {
            "compile_seconds": self.compile_seconds,
            "weight_bytes": float(sum(v.value.nbytes for v in self.model.trainable_variables)),
            "state_bytes": float(sum(v.value.nbytes for v in state)),
            "peak_bytes": self.peak_bytes,
        }

    # ---- programs

    def _called(self, name: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a compiled function; compile it first if it is new for these shapes."""
        shapes = tuple((v.shape, str(v.dtype)) for v in jax.tree.leaves(arguments))
        key = (name, shapes)
        if key not in self.programs:
            start = time.perf_counter()
            lowered = jax.jit(function, donate_argnums=0).lower(*arguments)
            self.programs[key] = lowered.compile()
            self.compile_seconds += time.perf_counter() - start
            memory = self.programs[key].memory_analysis()
            if memory is not None:
                used = memory.argument_size_in_bytes + memory.temp_size_in_bytes
                self.peak_bytes = max(self.peak_bytes, float(used))
        return self.programs[key](*arguments)

    def _chunk(self, state: Any, rows: Any, arrays: Any) -> Any:
        """Make one step for each row of `rows`."""
        return jax.lax.scan(lambda s, row: self._row(s, row, arrays), state, rows)

    def _row(self, state: Any, row: Any, arrays: Any) -> Any:
        """Make one step with the examples of `row`."""
        if self.width == 1:
            return self.step(state, jax.tree.map(lambda a: a[row], arrays))
        each = self._mapped(lambda s, r: self.step(s, jax.tree.map(lambda a: a[r], arrays)), 0)
        return each(state, row)

    def _step(self, state: Any, batch: Any) -> Any:
        if self.width == 1:
            return self.step(state, batch)
        return self._mapped(self.step, None)(state, batch)

    def _mapped(self, step: Callable[..., Any], axis: int | None) -> Callable[..., Any]:
        """Map a step over the stacked states; the count of steps is common to them."""
        trained, fixed, optimizer, metrics = self.state
        counts = [None if k == self.count_at else 0 for k in range(len(optimizer))]
        state = ([0] * len(trained), [0] * len(fixed), counts, [0] * len(metrics))
        return jax.vmap(step, in_axes=(state, axis), out_axes=(state, 0))

    # ---- evaluation

    def _weights(self) -> Any:
        """Return the evaluation weights, and the state of the layers."""
        trained, fixed, optimizer, _ = self.state
        inside = inside_loss_scale(self.model.optimizer)
        if not (getattr(inside, "averaging", False) or inside.use_ema):
            return trained, fixed
        averages = partial(evaluation_weights, self.model)
        if "weights" not in self.programs:
            self.programs["weights"] = jax.jit(averages if self.width == 1 else jax.vmap(averages))
        if self.width > 1:
            optimizer = list(optimizer)
            count = optimizer[self.count_at]
            optimizer[self.count_at] = jnp.broadcast_to(count, (self.width, *count.shape))
        weights = self.programs["weights"](trained, optimizer), fixed
        if not statistics.needed(self.problem, self.model.optimizer):
            return weights
        each = [self._with_statistics(self._own(weights, k), k) for k in range(len(self.active))]
        each += each[-1:] * (self.width - len(each))
        return jax.tree.map(lambda *v: jnp.stack(v), *each) if self.width > 1 else each[0]

    def _with_statistics(self, weights: Any, k: int) -> Any:
        """Return the weights and the layers' state of a configuration, its statistics new."""
        variables = [*self.model.trainable_variables, *self.model.non_trainable_variables]
        places = {id(v): i for i, v in enumerate(variables)}
        order = [places[id(v)] for v in self.model.variables]
        values = [*weights[0], *weights[1]]
        found = statistics.recomputed(
            self.problem, [jnp.copy(values[i]) for i in order], self.active[k].seed
        )
        back = dict(zip(order, found, strict=True))
        new = [back.get(i, values[i]) for i in range(len(variables))]
        count = len(weights[0])
        return new[:count], new[count:]

    def _own(self, weights: Any, k: int) -> Any:
        """Return the weights of a configuration."""
        return weights if self.width == 1 else jax.tree.map(lambda v: v[k], weights)

    def _evaluated(self, part: str, weights: Any) -> list[Numbers]:
        found = []
        for k in range(len(self.active)):
            own = self._own(weights, k)
            found.append(evaluator(self.problem)(part, own, self.active[k].seed))
        return found

    def _on_device(self, train: data.Arrays) -> Any:
        return evaluator(self.problem).on_device(train)
