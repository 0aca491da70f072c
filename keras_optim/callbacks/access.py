"""Access of callbacks to the optimizer and its state inside `fit`."""

from typing import Any

import keras

from keras_optim import callers
from keras_optim.formatting import shown
from keras_optim.optimizer import Optimizer
from keras_optim.tensors import BACKEND


def inside_loss_scale(optimizer: Any) -> Any:
    """Return the optimizer that updates: the one inside a `LossScaleOptimizer`, or itself."""
    return getattr(optimizer, "inner_optimizer", optimizer)


def optimizer_of(callback: keras.callbacks.Callback) -> Optimizer:
    """Return the optimizer of keras_optim that the callback's model was compiled with.

    Raises:
        ValueError: the model has none; the message names the callback.
    """
    outer = getattr(callback.model, "optimizer", None)
    optimizer = inside_loss_scale(outer)
    if not isinstance(optimizer, Optimizer):
        raise ValueError(
            f"{type(callback).__name__}: the model must be compiled with an optimizer of "
            f"keras_optim. Received: optimizer={shown(outer)}"
        )
    return optimizer


def between_batches(model: keras.Model) -> None:
    """Give the variables their values, because JAX's `fit` holds these between batches.

    The caller may read and assign them until the next batch.
    """
    if BACKEND == "jax":
        model.jax_state_sync()


def move_to_front(callback: keras.callbacks.Callback) -> None:
    """Make `callback` the first of the running `fit`; call this in one of its methods.

    Keras gives no callback the list of all, so this searches the callers for it.
    """
    found = callers.nearest(keras.callbacks.CallbackList)
    if found is not None and callback in found.callbacks:  # a running loop keeps its index
        found.callbacks.remove(callback)
        found.callbacks.insert(0, callback)
