"""Models that use evaluation weights by themselves: in `fit`, `evaluate`, `predict` and `save`.

An optimizer that keeps evaluation weights binds a few methods on the model that builds it, on that
one object. `make_train_function`, `make_test_function` and `make_predict_function` run after Keras
has created its list of callbacks, and before their first hook. They add `EvaluateAveraged` to a
list that lacks it. Methods without callbacks, such as `save`, run with the evaluation weights.
"""

import contextlib
import functools
import types
import warnings
from collections.abc import Callable
from typing import Any

import keras

from keras_optim import callers, tensors
from keras_optim.state import evaluation_weights

MAKING = ("make_train_function", "make_test_function", "make_predict_function")
TESTING = ("save", "save_weights", "export", "test_on_batch", "predict_on_batch")

Callback: Any = keras.callbacks.Callback
"""The class of the callback that swaps the weights; its module puts it here."""


def optimizer_of(model: Any) -> Any:
    """Return the optimizer of a compiled model if it keeps evaluation weights, or `None`."""
    outer = getattr(model, "optimizer", None)
    optimizer = getattr(outer, "inner_optimizer", outer)
    return optimizer if getattr(optimizer, "averaging", False) else None


def attach(optimizer: Any) -> None:
    """Bind the methods on the model that calls this, if `optimizer` is that of a model.

    On TensorFlow that is inside of the first step, so the callback joins the `fit` late.
    """
    model = callers.nearest(keras.Model)
    if model is None or optimizer_of(model) is not optimizer:
        return
    bind(model)
    running = callers.callbacks_of(model)
    if running is not None and not _swaps(running):
        with tensors.eagerly():
            _add(model, running).on_train_begin()


def bind(model: Any) -> None:
    """Bind the methods on `model`, once."""
    own = vars(model)  # Keras's `__setattr__` would track the methods
    if is_bound(model):
        return
    for name in MAKING:
        own[name] = _joining(model, getattr(model, name), name == "make_train_function")
    for name in TESTING:
        own[name] = _testing(model, getattr(model, name))


def restore_train_function(model: Any) -> None:
    """Give `model` back its `make_train_function`, after another was bound in its place."""
    own, name = vars(model), MAKING[0]
    if is_bound(model):
        own[name] = _joining(model, types.MethodType(getattr(type(model), name), model), True)
    else:
        own.pop(name, None)


def is_bound(model: Any) -> bool:
    """Whether `model` uses evaluation weights by itself."""
    return hasattr(vars(model).get(MAKING[-1]), "of_keras_optim")


def at_end_of_fit(optimizer: Any) -> None:
    """Bind the methods on a model that trained without them, and warn about its `fit`.

    Such is a model whose optimizer was built elsewhere before.
    """
    model = callers.nearest(keras.Model)
    if model is None or is_bound(model) or optimizer_of(model) is not optimizer:
        return
    bind(model)
    running = callers.callbacks_of(model)
    if running is not None and not _swaps(running):
        warnings.warn(
            f"{type(optimizer).__name__}: this `fit` validated and saved the training weights, "
            "because its optimizer had been built without the model. From now on the model uses "
            "the evaluation weights. Give `keras_optim.callbacks.EvaluateAveraged()` to `fit`, or "
            "leave the build to it.",
            stacklevel=3,
        )


# ---- the methods


def _joining(model: Any, method: Callable[..., Any], trains: bool) -> Callable[..., Any]:
    """Return `method`, which adds the callback to those that run."""

    @functools.wraps(method)
    def joining(*args: Any, **kwargs: Any) -> Any:
        made = method(*args, **kwargs)
        optimizer = optimizer_of(model)
        if optimizer is not None:
            running = callers.callbacks_of(model)
            if running is None:
                if trains:  # in `train_on_batch`
                    evaluation_weights.swap_out(optimizer)
            elif not _swaps(running):
                _add(model, running)
        return made

    joining.of_keras_optim = True  # type: ignore[attr-defined]
    return joining


def _testing(model: Any, method: Callable[..., Any]) -> Callable[..., Any]:
    """Return `method`, which runs with the evaluation weights in the model."""

    @functools.wraps(method)
    def testing(*args: Any, **kwargs: Any) -> Any:
        optimizer = optimizer_of(model)
        inside = evaluation_weights.using(optimizer) if optimizer else contextlib.nullcontext()
        with inside:
            return method(*args, **kwargs)

    return testing


def _add(model: Any, running: keras.callbacks.CallbackList) -> Any:
    """Put the callback before the others, and return it."""
    callback = Callback()
    callback.set_params(running.params)
    callback.set_model(model)
    running.callbacks.insert(0, callback)
    return callback


def _swaps(running: keras.callbacks.CallbackList) -> bool:
    """Whether one of the callbacks swaps the weights, or leaves the model as it is."""
    return any(
        isinstance(callback, Callback) or getattr(callback, "leaves_the_model", False)
        for callback in running.callbacks
    )
