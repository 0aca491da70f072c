"""Keras variables for the slots of each variable, and for the state that all of them share."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from keras_optim import keras_private, tensors
from keras_optim.arguments import rule_checks
from keras_optim.engine import distribution
from keras_optim.engine.optimizer_state import own_rates, shared_names, slot_names
from keras_optim.engine.storing import COMPENSATION, narrow_slots
from keras_optim.trees import Tree, flattened
from keras_optim.variables.paths import path_of

Tensor = Any


class _Start(keras.initializers.Initializer):
    """An initializer that returns a starting value.

    It is no plain function, because Keras cannot compile that as an initializer on JAX.

    Args:
        value: Returns the starting value; `None`: zeros.
        kept_in: The dtype of the variable; `None`: that of the arithmetic.
    """

    def __init__(self, value: Callable[[], Tensor] | None, kept_in: str | None = None):
        self.value = value
        self.kept_in = kept_in

    def __call__(self, shape: Any, dtype: Any = None) -> Tensor:
        if self.value is None:
            return keras.ops.zeros(shape, dtype)
        # A copy: on PyTorch, a value that `init` took from the variable shares its storage.
        return keras.ops.copy(keras.ops.cast(self.value(), dtype))


def created(optimizer: Any, variable: Any, constants: Tree) -> tuple[Tree, dict[str, Any]]:
    """Create the slots of `variable`, with the values at which its rule starts them.

    Returns:
        Their flat names as a tree, and the Keras variables by these names.
    """
    if keras_private.takes_its_gradient(optimizer, variable):
        return {}, {}
    first = optimizer.slot_starts(tensors.widened(variable), constants)
    rule_checks.check_names(optimizer, first, constants)
    names = slot_names(first)

    def start(slot: str) -> Tensor:
        again = optimizer.slot_starts(tensors.widened(variable), constants)
        return flattened(again, names)[slot]

    narrow, kind = set[str](), optimizer.state_dtype
    if kind is not None:
        narrow = narrow_slots(optimizer, first, constants, names, tuple(variable.shape))
    kept = {
        slot: _created(
            *(optimizer, variable, slot, value, functools.partial(start, slot)),
            kind if slot in narrow else None,
        )
        for slot, value in flattened(first, names).items()
    }
    if optimizer.weight_rounding == "kahan" and variable.dtype in tensors.HALF:
        starting = _Start(None, kept_in="bfloat16")
        kept[COMPENSATION] = optimizer.add_variable_from_reference(variable, COMPENSATION, starting)
    return names, kept


def _created(
    optimizer: Any,
    variable: Any,
    slot: str,
    first: Tensor,
    start: Callable[[], Tensor],
    kept_in: str | None,
) -> keras.Variable:
    if first is None or tuple(first.shape) == tuple(variable.shape):
        starting = _Start(None if first is None else start, kept_in)
        return optimizer.add_variable_from_reference(variable, slot, starting)
    return optimizer.add_variable(
        tuple(first.shape),
        distribution.spread_like(variable, _Start(start)),
        dtype=tensors.widest([variable]),
        layout=distribution.replicated(variable, len(first.shape)),
        name=f"{path_of(variable)}_{slot}".replace("/", "_").replace(":", "_"),
    )


def created_shared(optimizer: Any, variables: Sequence[Any]) -> dict[str, keras.Variable]:
    """Create the state that all variables share, by its flat names."""
    starts = optimizer.shared_starts()
    shared, rates = {}, own_rates(optimizer)
    for name, start in flattened(starts, shared_names(optimizer)).items():
        if name in rates:
            if isinstance(rates[name], keras.Variable):
                keras_private.track(optimizer, rates[name])
                shared[name] = rates[name]
            continue  # each step asks for a rate that is no variable
        value = np.asarray(start)
        shared[name] = optimizer.add_variable(
            value.shape,
            _Start(functools.partial(keras.ops.convert_to_tensor, value)),
            dtype=tensors.widest(variables),
            aggregation="only_first_replica",
            name=name,
        )
    return shared
