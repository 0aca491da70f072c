"""Sweep: train steps that leave a model unchanged, even if an exception ends their `fit`.

Keras calls no callback when an exception ends `fit`. So a sweep never leaves its weights in the
model. Each step starts from a copy, and then, even after a failure, the model gets its own values
back. JAX's train steps take the state and return it, so the sweep does not touch the model's there.
"""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_optim import keras_private, tensors
from keras_optim.callbacks.access import inside_loss_scale
from keras_optim.state import attached, evaluation_weights
from keras_optim.tensors import BACKEND


class Sweep:
    """Train steps of `model` on a copy of its state and its optimizer's.

    It replaces `model.train_function` until `end`, or until Keras makes a new train function. So it
    cannot outlive its `fit`.

    Args:
        model: Compiled, its optimizer built, inside `fit`.
        next_rate: Returns the learning rate of the next step.
    """

    def __init__(self, model: keras.Model, next_rate: Callable[[], float]):
        self.model = model
        self.next_rate = next_rate
        self.kept = _copies([*model.variables, *model.optimizer.variables])
        optimizer = attached.optimizer_of(model)
        self.swapped = optimizer is not None and evaluation_weights.swapped(optimizer)
        self.state: Any = None
        self.steps = 0
        """The number of steps so far."""

    def before_step(self) -> None:
        """Replace the train function, if it is not replaced yet."""
        model = self.model
        if model.train_function != self.step:
            model.make_train_function()
            self.function = model.train_function
            model.train_function = self.step
        # Bypass Keras's `__setattr__`, so that the methods of the class can come back.
        vars(model)["make_train_function"] = self._make_train_function
        if BACKEND == "jax":
            # JAX's `fit` takes the weights out of the model. In the end, even after a failure, it
            # puts them back, or averages in their place.
            vars(model.optimizer)["finalize_variable_values"] = self._finalize

    def end(self) -> None:
        """Restore the model and its train function. Does nothing the second time."""
        self._restore()
        self._forget()
        self._remove()
        self.kept = []

    # ---- a step

    def step(self, *arguments: Any) -> Any:
        """Run one step in place of the train function, which raises at the end of the data."""
        try:
            result = self._step_on_jax(*arguments) if BACKEND == "jax" else self._step(*arguments)
            self.steps += 1
            return result
        except BaseException:  # an interruption may also come while values are put back
            self._restore()
            raise

    def _step(self, data: Any) -> Any:
        try:
            _assign(self.state or [])
            self.model.optimizer.learning_rate = self.next_rate()
            logs = self.function(data)
            self.state = _copies([variable for variable, _ in self.kept])
            return logs
        finally:
            self._restore()

    def _step_on_jax(self, state: tuple[Any, ...], iterator: Any) -> Any:
        import jax

        *own, metrics = state
        # The train function takes over the memory of its arguments.
        trained, others, optimizer = self.state or jax.tree.map(ops.copy, own)
        rate = keras_private.learning_rate(inside_loss_scale(self.model.optimizer))
        index = next(i for i, v in enumerate(self.model.optimizer.variables) if v is rate)
        optimizer = list(optimizer)
        optimizer[index] = ops.full_like(optimizer[index], self.next_rate())
        logs, new = self.function((trained, others, optimizer, metrics), iterator)
        self.state = new[:3]
        return logs, (*own, new[3])

    # ---- the end

    def _restore(self) -> None:
        _assign(self.kept)

    def _remove(self) -> None:
        if self.model.train_function == self.step:
            self.model.train_function = self.function
        attached.restore_train_function(self.model)

    def _make_train_function(self, force: bool = False) -> Any:
        self._remove()
        return self.model.make_train_function(force)

    def _finalize(self, variables: Any) -> None:
        optimizer = self.model.optimizer
        vars(optimizer).pop("finalize_variable_values", None)
        self._restore()
        try:
            optimizer.finalize_variable_values(variables)
        finally:
            self._restore()
            self._forget()

    def _forget(self) -> None:
        """Drop the training weights that the end of `fit` kept, if they are in the model again."""
        optimizer = attached.optimizer_of(self.model)
        if optimizer is not None and not self.swapped:
            optimizer.state.trained.clear()


def _copies(variables: list[Any]) -> list[tuple[Any, Any]]:
    with tensors.no_gradients():
        return [(v, ops.copy(tensors.tensor(v))) for v in variables]


def _assign(values: list[tuple[Any, Any]]) -> None:
    with tensors.no_gradients():
        for variable, value in values:
            variable.assign(value)
