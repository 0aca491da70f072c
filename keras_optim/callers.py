"""Callers of our methods: facts that Keras gives neither its callbacks nor its optimizers.

Only this module reads the frames of callers. Without a match, the package does nothing.
"""

import sys
from typing import Any

import keras


def nearest(kind: type) -> Any:
    """Return the nearest caller's `self` that is of `kind`, or `None`.

    >>> class A:
    ...     def find(self, kind):
    ...         return nearest(kind)
    >>> a = A()
    >>> a.find(A) is a, a.find(dict)
    (True, None)
    """
    frame = sys._getframe(1)
    while frame is not None:
        found = frame.f_locals.get("self")
        if isinstance(found, kind):
            return found
        frame = frame.f_back  # type: ignore[assignment]
    return None


_ENTRIES = ("fit", "evaluate", "predict", "train_on_batch", "test_on_batch", "predict_on_batch")


def callbacks_of(model: Any) -> Any:
    """Return the list of callbacks of the `fit`, `evaluate` or `predict` of `model` that calls.

    `None`: the nearest of its methods that calls has no callbacks, or none calls.
    """
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name in _ENTRIES and frame.f_locals.get("self") is model:
            found = frame.f_locals.get("callbacks")
            return found if isinstance(found, keras.callbacks.CallbackList) else None
        frame = frame.f_back  # type: ignore[assignment]
    return None


def model_that_fetches() -> Any:
    """Return the model whose JAX trainer reads an optimizer's `variables`, or `None`.

    Call it inside that property. The optimizer may be in a `LossScaleOptimizer`. In others, such
    as a `MultiOptimizer`, it has variables of its own, and the result is `None`.
    """
    caller: Any = sys._getframe(2).f_back
    while caller and isinstance(caller.f_locals.get("self"), keras.optimizers.LossScaleOptimizer):
        caller = caller.f_back
    fetches = caller and caller.f_code.co_name == "_get_jax_state"
    return caller.f_locals["self"] if fetches else None
