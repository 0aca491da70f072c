"""The callers of our methods: what Keras tells neither its callbacks nor its optimizers.

All that looks at the frames of callers is here. Where nothing is found, nothing is done.
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


def model_that_fetches() -> Any:
    """The model whose JAX trainer reads `variables` of an optimizer, in which this is called.

    The optimizer may be in a `LossScaleOptimizer`. In others, such as a `MultiOptimizer`, it has
    variables of its own, and `None` is found.
    """
    caller: Any = sys._getframe(2).f_back
    while caller and isinstance(caller.f_locals.get("self"), keras.optimizers.LossScaleOptimizer):
        caller = caller.f_back
    fetches = caller and caller.f_code.co_name == "_get_jax_state"
    return caller.f_locals["self"] if fetches else None
