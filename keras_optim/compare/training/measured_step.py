"""Step on JAX: the model's own train step, and the measures of it."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import keras

from keras_optim import keras_private


class MeasuredStep:
    """Function of state and batch: the model's train step, which returns measures as well.

    The loss of a step is that of its batch alone, for its mean starts from zero in each step.

    Args:
        model: Compiled and built.
    """

    def __init__(self, model: Any):
        self.model = model
        tracker = keras_private.loss_tracker(model)
        ours = tracker.variables if tracker is not None else []
        metrics = model.metrics_variables
        self.losses_at = [k for k, v in enumerate(metrics) if any(v is w for w in ours)]

    def __call__(self, state: Any, batch: Any) -> Any:
        """Return the next state, and metrics, norms and rate of the step."""
        trained, fixed, optimizer, metrics = state
        metrics = [jnp.zeros_like(v) if k in self.losses_at else v for k, v in enumerate(metrics)]
        grads: list[Any] = []
        rate = self._rate(optimizer)
        with _noted(self.model.optimizer, grads):
            state = trained, fixed, optimizer, metrics
            logs, after = self.model.train_step(state, _shared(batch))
        moved = [a - b for a, b in zip(after[0], trained, strict=True)]
        measured = {
            **logs,
            "gradient_norm": _norm(grads) / self._loss_scale(optimizer),
            "update_norm": _norm(moved),
            "learning_rate": rate,
        }
        return tuple(list(group) for group in after), measured

    def _loss_scale(self, optimizer: Any) -> Any:
        """Return the factor of the gradients in half precision; else 1."""
        scale = getattr(self.model.optimizer, "dynamic_scale", None)
        variables = zip(self.model.optimizer.variables, optimizer, strict=True)
        return next((value for v, value in variables if v is scale), 1.0)

    def _rate(self, optimizer: Any) -> Any:
        variables = self.model.optimizer.variables
        with keras.StatelessScope(state_mapping=list(zip(variables, optimizer, strict=True))):
            return jnp.asarray(keras_private.current_rate(self.model.optimizer), "float32")


@contextlib.contextmanager
def _noted(optimizer: Any, grads: list[Any]) -> Iterator[None]:
    """Add the gradients that an optimizer is given inside to a list."""
    plain = optimizer.stateless_apply

    def noting(variables: Any, given: Any, trained: Any) -> Any:
        grads.extend(g for g in given if g is not None)
        return plain(variables, given, trained)

    vars(optimizer)["stateless_apply"] = noting
    try:
        yield
    finally:
        vars(optimizer).pop("stateless_apply", None)


def _norm(values: Sequence[Any]) -> Any:
    squares = [jnp.sum(jnp.square(jnp.asarray(v, "float32"))) for v in values]
    return jnp.sqrt(sum(squares, jnp.float32(0)))


def _shared(batch: Any) -> Any:
    """Share a batch among the devices of Keras's distribution, if one is set."""
    distribution = keras.distribution.distribution()
    if distribution is None:
        return batch

    def place(array: Any) -> Any:
        layout = distribution.get_data_layout(array.shape)
        return keras.distribution.distribute_tensor(array, layout)

    return jax.tree.map(place, batch)
