"""Engine on TensorFlow and PyTorch: the model's own train function, one batch at a time.

The steps are those of `fit`; this engine decides on the batches and reads the measures.
"""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from keras import ops

import keras_optim
from keras_optim import keras_private, tensors
from keras_optim.callbacks.access import inside_loss_scale
from keras_optim.callbacks.evaluation import evaluation_weights
from keras_optim.compare.contenders.contender import RATE, Contender
from keras_optim.compare.training import data, memory, replicas, statistics
from keras_optim.compare.training.engine import Configuration, Numbers
from keras_optim.compare.training.problem import Problem
from keras_optim.engine import norms, sparse_rows

_MEASURES = ("gradient_norm", "update_norm")


class Stepping:
    """Engine of one optimizer on one problem.

    Args:
        problem: The workload in this process.
        contender: The optimizer.
        fixed: Hyper-parameters other than the rate.
    """

    width = 1

    def __init__(self, problem: Problem, contender: Contender, fixed: Any = None):
        self.problem, self.contender, self.fixed = problem, contender, dict(fixed or {})
        self.model: Any = None
        self.seed = 0
        self.compile_seconds = 0.0
        self.memory = memory.Peak()
        self.kept: list[Any] = []

    # ---- the interface of engines

    def begin(self, configurations: Sequence[Configuration]) -> None:
        """Give the model the values of a new one, and keep its compiled functions."""
        [configuration] = configurations
        self.seed, self.kept = configuration.seed, []
        new = self.problem.model(self.seed, lambda: recording(self.contender.make(self.fixed)))
        rate = configuration.hyperparameters.get(RATE)
        if rate is not None and not self.contender.scheduled:
            new.optimizer.learning_rate = rate
        if self.model is None:
            self.model = new
            return
        before = [*self.model.variables, *self.model.optimizer.variables]
        after = [*new.variables, *new.optimizer.variables]
        with tensors.no_gradients():
            for variable, value in zip(before, after, strict=True):
                variable.assign(value)

    def epoch(self, number: int, tell: Callable[[int, int], None]) -> list[dict[str, Any]]:
        """Train for an epoch."""
        found: dict[str, list[Any]] = {}
        optimizer = inside_loss_scale(self.model.optimizer)
        totals: dict[str, float] = {}
        rate = _number(optimizer.learning_rate)
        start = time.perf_counter()
        for done, (logs, expected) in enumerate(self._steps(number), 1):
            self.compile_seconds = self.compile_seconds or time.perf_counter() - start
            found.setdefault("learning_rate", []).append(rate)
            rate = _number(optimizer.learning_rate)
            for name, value in logs.items():
                found.setdefault(name, []).append(value)
                totals[name] = totals.get(name, 0.0) + float(value)
            for name in _MEASURES:
                found.setdefault(name, []).append(_copied(measure(optimizer, name)))
            tell(done, expected)
        values = {name: np.asarray([_number(v) for v in series]) for name, series in found.items()}
        for name, total in totals.items():  # a metric's last value is that of the epoch
            if name != "loss":
                values[name] = np.append(values[name][:-1], total / len(values[name]))
        return [values]

    def _steps(self, number: int) -> Iterator[tuple[dict[str, Any], int]]:
        """Make the steps of an epoch; yield the logs of each, and the number of all if known."""
        train = self.problem.parts_for(self.seed).train
        if isinstance(train, data.Batches):
            for batch in train.each():
                yield self.model.train_on_batch(*tensors.fed(batch), return_dict=True), 0
            return
        size = self.problem.batch_size
        assert size is not None
        rows = data.rows(train.count, size, self.seed, number)
        if replicas.count(self.model) > 1:
            for logs in replicas.steps(self.model, train.take(rows.ravel()), size):
                yield logs, len(rows)
            return
        for row in rows:
            batch = tensors.fed(train.take(row).parts)
            yield self.model.train_on_batch(*batch, return_dict=True), len(rows)

    def evaluate(self, part: str) -> list[Numbers]:
        """Return loss and metrics with evaluation weights."""
        return [self._evaluated(part, self._weights())]

    def keep(self, which: Sequence[int]) -> None:
        """Keep a copy of the evaluation weights."""
        if which:
            self.kept = self._weights()

    def evaluate_kept(self, part: str) -> list[Numbers]:
        """Return loss and metrics with the weights that were kept, or without any, the last."""
        return [self._evaluated(part, self.kept)] if self.kept else self.evaluate(part)

    def _weights(self) -> list[Any]:
        """Return copies of the evaluation weights, and of the state of the layers."""
        with _evaluation_weights(self.model), tensors.no_gradients():
            values = [ops.copy(tensors.tensor(v)) for v in self.model.variables]
        if not statistics.needed(self.problem, self.model.optimizer):
            return values
        found = statistics.recomputed(self.problem, values, self.seed)
        with tensors.no_gradients():
            return [ops.copy(v) for v in found]

    def _evaluated(self, part: str, weights: list[Any]) -> Numbers:
        """Evaluate in a model that all optimizers share, so one compiled function serves."""
        model, examples = self.problem.reference, getattr(self.problem.parts_for(self.seed), part)
        with tensors.no_gradients():
            for variable, value in zip(model.variables, weights, strict=True):
                variable.assign(value)
        if isinstance(examples, data.Batches):
            found = model.evaluate(examples.source, verbose=0, return_dict=True)
        elif examples.count <= data.EVALUATION_BATCH:
            found = model.test_on_batch(*tensors.fed(examples.parts), return_dict=True)
        else:
            x, y, weight = (*examples.parts, None, None)[:3]
            size = examples.evaluation_batch
            found = model.evaluate(
                x, y, batch_size=size, sample_weight=weight, verbose=0, return_dict=True
            )
        return {name: float(value) for name, value in found.items()}

    @property
    def cost(self) -> dict[str, float]:
        """Compile seconds, bytes of weights, of state and of the peak."""
        optimizer = inside_loss_scale(self.model.optimizer)
        apart = {"iteration", "learning_rate", norms.STEPS, *norms.NAMES, *_MEASURES}
        state = [v for v in optimizer.variables if v.name not in apart]
        return {
            "compile_seconds": self.compile_seconds,
            "weight_bytes": float(sum(map(_bytes, self.model.trainable_variables))),
            "state_bytes": float(sum(map(_bytes, state))),
            "peak_bytes": self.memory.bytes,
        }


# ---- measures of a step


def recording(optimizer: Any) -> Any:
    """Make an optimizer record the norms of gradient and update in each step; return it.

    Those of keras_optim measure them inside their compiled step; any other one gets a subclass.
    """
    if isinstance(optimizer, keras_optim.Optimizer):
        norms.start(optimizer)
        return optimizer
    kind = type(optimizer)
    recorder: Any = type(kind.__name__, (_Recorder, kind), {})
    return recorder.from_config(optimizer.get_config())


def measure(optimizer: Any, name: str) -> Any:
    """Return the norm of the last step."""
    if isinstance(optimizer, keras_optim.Optimizer):
        return optimizer.state.shared[f"recorded_{name}"]
    return getattr(optimizer, name)


class _Recorder:
    """Measures in front of the class of an optimizer that is not ours."""

    def build(self: Any, variables: Sequence[Any]) -> None:
        first = not self.built
        super().build(variables)  # type: ignore[misc]
        if first:
            for name in _MEASURES:
                setattr(self, name, self.add_variable((), dtype="float32", name=name))

    def apply(self: Any, grads: Sequence[Any], trainable_variables: Any = None) -> None:
        variables = trainable_variables or keras_private.trainable_variables(self)
        before = [ops.copy(tensors.tensor(v)) for v in variables]
        found = [ops.cast(sparse_rows.dense(g), "float32") for g in grads if g is not None]
        norm = norms.global_norm(found)
        if self.loss_scale_factor is not None:
            norm = norm / self.loss_scale_factor
        super().apply(grads, trainable_variables)  # type: ignore[misc]
        moved = [tensors.tensor(v) - old for v, old in zip(variables, before, strict=True)]
        self.gradient_norm.assign(norm)
        self.update_norm.assign(norms.global_norm([ops.cast(m, "float32") for m in moved]))


@contextlib.contextmanager
def _evaluation_weights(model: Any) -> Iterator[None]:
    """Put evaluation weights into the model inside, those of Keras's `use_ema` included."""
    optimizer = inside_loss_scale(model.optimizer)
    if isinstance(optimizer, keras_optim.Optimizer) and optimizer.averaging:
        with evaluation_weights(model):
            yield
        return
    if not optimizer.use_ema or not _number(optimizer.iterations):
        yield
        return
    variables = keras_private.trainable_variables(optimizer)
    with tensors.no_gradients():
        before = [ops.copy(tensors.tensor(v)) for v in variables]
        for variable, average in zip(variables, keras_private.averages(optimizer), strict=True):
            variable.assign(average)
    try:
        yield
    finally:
        with tensors.no_gradients():
            for variable, value in zip(variables, before, strict=True):
                variable.assign(value)


def _copied(variable: Any) -> Any:
    """Return the value that a variable has now, without waiting for the device."""
    return ops.copy(tensors.tensor(variable))


def _number(value: Any) -> float:
    return float(ops.convert_to_numpy(value))


def _bytes(variable: Any) -> int:
    return int(ops.convert_to_numpy(variable).nbytes)
