"""Train steps that leave no trace in a model, even if an exception ends their `fit`.

Keras calls no callback when `fit` is interrupted. So a sweep never leaves its weights in the model:
each step of it starts from a copy of its own, and the model has its own values again as soon as
the step is over, or has failed. JAX's train steps are given the state and return it, so there the
model's is never touched at all.
"""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_optim import keras_private, tensors
from keras_optim.callbacks.access import inside_loss_scale
from keras_optim.tensors import BACKEND


class Sweep:
    """The train steps of `model` on a copy of its state and its optimizer's.

    It takes the place of `model.train_function` until `end`, or until Keras asks for that function
    anew: so it cannot outlive the `fit` in which it was made.

    Args:
        model: Compiled, its optimizer built, inside `fit`.
        next_rate: Called before each step for its learning rate.
    """

    def __init__(self, model: keras.Model, next_rate: Callable[[], float]):
        self.model = model
        self.next_rate = next_rate
        self.kept = _copies([*model.variables, *model.optimizer.variables])
        self.state: Any = None
        self.steps = 0
        """How many steps were made."""

    def before_step(self) -> None:
        """Take the place of the train function, if that is not done yet."""
        model = self.model
        if model.train_function != self.step:
            model.make_train_function()
            self.function = model.train_function
            model.train_function = self.step
        # Past Keras's `__setattr__`, so that the methods of the classes can come back.
        vars(model)["make_train_function"] = self._make_train_function
        if BACKEND == "jax":
            # Its `fit` takes the weights out of the model; in the end, even of a failure, it puts
            # them back, and averages in their place.
            vars(model.optimizer)["finalize_variable_values"] = self._finalize

    def end(self) -> None:
        """Restore the model and its train function. Does nothing the second time."""
        self._restore()
        self._remove()
        self.kept = []

    # ---- a step

    def step(self, *arguments: Any) -> Any:
        """What `fit` calls in place of the train function; it raises where the data end."""
        try:
            result = self._step_on_jax(*arguments) if BACKEND == "jax" else self._step(*arguments)
            self.steps += 1
            return result
        except BaseException:  # also where it came while values were put back
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
        # The train function takes the memory of what it is given.
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
        vars(self.model).pop("make_train_function", None)

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


def _copies(variables: list[Any]) -> list[tuple[Any, Any]]:
    with tensors.no_gradients():
        return [(v, ops.copy(tensors.tensor(v))) for v in variables]


def _assign(values: list[tuple[Any, Any]]) -> None:
    with tensors.no_gradients():
        for variable, value in values:
            variable.assign(value)
