"""Evaluator on JAX: loss and metrics on held-out and test data."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import keras

from keras_optim import keras_private, tensors
from keras_optim.callbacks.access import inside_loss_scale
from keras_optim.compare.training import data
from keras_optim.compare.training.engine import Numbers
from keras_optim.compare.training.problem import Problem
from keras_optim.engine import optimizer_state


class Evaluator:
    """Evaluation on held-out and test data, compiled once for all optimizers of a problem."""

    def __init__(self, problem: Problem):
        self.problem = problem
        self.step = jax.jit(problem.reference.test_step)
        self.arrays: dict[int, tuple[Any, Any]] = {}

    def on_device(self, examples: data.Arrays) -> Any:
        """Return all examples on the device."""
        if id(examples) not in self.arrays:
            if len(self.arrays) > 3:  # data of another seed
                self.arrays.clear()
            self.arrays[id(examples)] = examples, jax.tree.map(jnp.asarray, examples.parts)
        return self.arrays[id(examples)][1]

    def __call__(self, part: str, weights: Any, seed: int) -> Numbers:
        """Return loss and metrics."""
        examples = getattr(self.problem.parts_for(seed), part)
        reference = self.problem.reference
        metrics = [jnp.zeros_like(v.value) for v in reference.metrics_variables]
        logs: Any = {}
        fixed = weights[1]
        for batch in self._batches(examples):
            logs, (_, _, metrics) = self.step((weights[0], fixed, metrics), batch)
        return {name: float(value) for name, value in logs.items()}

    def _batches(self, examples: data.Data) -> Iterator[Any]:
        if isinstance(examples, data.Batches):
            yield from examples.each()
            return
        size = examples.evaluation_batch
        arrays = self.on_device(examples)
        for start in range(0, examples.count, size):
            yield jax.tree.map(lambda a, k=start: a[k : k + size], arrays)


def evaluator(problem: Problem) -> Evaluator:
    """Return the evaluator of a problem."""
    if "evaluator" not in problem.cache:
        problem.cache["evaluator"] = Evaluator(problem)
    found: Evaluator = problem.cache["evaluator"]
    return found


def evaluation_weights(model: Any, trained: Any, state: Any) -> Any:
    """Return the evaluation weights of a model, from its weights and its optimizer's state."""
    optimizer = inside_loss_scale(model.optimizer)
    mapping = [
        *zip(model.trainable_variables, trained, strict=True),
        *zip(model.optimizer.variables, state, strict=True),
    ]
    values = {id(v): value for v, value in mapping}
    with keras.StatelessScope(state_mapping=mapping):
        for i, variable in enumerate(keras_private.trainable_variables(optimizer)):
            if getattr(optimizer, "averaging", False):
                x = tensors.widened(variable)
                value = optimizer.evaluate(x, optimizer_state.state_of(optimizer, i))
            else:
                average = tensors.tensor(keras_private.averages(optimizer)[i])
                value = jnp.where(optimizer.iterations.value > 0, average, tensors.tensor(variable))
            if value is not None:
                values[id(variable)] = keras.ops.cast(value, variable.dtype)
    return [values[id(v)] for v in model.trainable_variables]
