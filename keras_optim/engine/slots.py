"""Keras variables for the slots of each variable."""

import functools
from collections.abc import Callable
from typing import Any

import keras

from keras_optim import keras_private, tensors
from keras_optim.engine import distribution
from keras_optim.variables.paths import path_of

Tensor = Any


class _Start(keras.initializers.Initializer):
    """What `init` says; no plain function, which Keras cannot compile as an initializer on JAX."""

    def __init__(self, value: Callable[[], Tensor]):
        self.value = value

    def __call__(self, shape: Any, dtype: Any = None) -> Tensor:
        # A copy: on PyTorch what `init` took from the variable is the variable itself.
        return keras.ops.copy(keras.ops.cast(self.value(), dtype))


def created(optimizer: Any, variable: Any) -> dict[str, keras.Variable]:
    """Create the slots of `variable`, with the starting values that `init` gives them."""
    if keras_private.takes_its_gradient(optimizer, variable):
        return {}

    def start(slot: str) -> Tensor:
        return optimizer.init(tensors.widened(variable))[slot]

    x = tensors.widened(variable)
    first = optimizer.init(x)
    return {
        slot: _created(optimizer, variable, slot, first.get(slot), functools.partial(start, slot))
        for slot in optimizer.slot_names(x)
    }


def _created(
    optimizer: Any, variable: Any, slot: str, first: Tensor, start: Callable[[], Tensor]
) -> keras.Variable:
    if first is None:
        return optimizer.add_variable_from_reference(variable, slot)
    if tuple(first.shape) == tuple(variable.shape):
        return optimizer.add_variable_from_reference(variable, slot, _Start(start))
    return optimizer.add_variable(
        tuple(first.shape),
        distribution.spread_like(variable, _Start(start)),
        dtype=tensors.widest([variable]),
        layout=distribution.replicated(variable, len(first.shape)),
        name=f"{path_of(variable)}_{slot}".replace("/", "_").replace(":", "_"),
    )
