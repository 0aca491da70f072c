"""The state of a built optimizer, and the dict `s` in which a rule sees it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
from keras import ops

from keras_optim import keras_private
from keras_optim.tensors import BACKEND, HALF, Tensor, jax, tensors, widened


@dataclass(frozen=True)
class OptimizerState:
    """The variables of a built optimizer; lists are aligned with those that it trains."""

    slots: list[dict[str, Any]]
    """The slots of each variable."""
    shared: dict[str, Any]
    """Scalars of all variables together."""
    constants: list[dict[str, Any]]
    """What was decided for each variable when the optimizer was built."""
    native: Any
    """The compiled steps, where the backend has them, or `None`."""
    trained: dict[str, Any] = field(default_factory=dict)
    """The weights that are trained, and their slots, by their names in a file, while evaluation
    weights are in the model: see `keras_optim.state.evaluation_weights`."""


@dataclass(frozen=True)
class Stored:
    """What a variable holds after an assignment: the value rounded, and within its constraint."""

    dtype: str
    constraint: Callable[[Tensor], Tensor] | None

    def __call__(self, x: Tensor) -> Tensor:
        """The stored value of `x`, in the dtype of `x`."""
        kept = ops.cast(x, self.dtype)
        if self.dtype in HALF and BACKEND == "jax":
            # XLA may leave out a cast to a narrower dtype and back.
            kept = jax().lax.optimization_barrier(kept)
        return ops.cast(kept if self.constraint is None else self.constraint(kept), x.dtype)

    def __hash__(self) -> int:
        return hash((self.dtype, id(self.constraint)))


def stored_by(variable: Any) -> Stored | None:
    """How `variable` stores a value; `None`: as it is."""
    dtype = keras.backend.standardize_dtype(variable.dtype)
    constraint = getattr(variable, "constraint", None)
    return Stored(dtype, constraint) if constraint is not None or dtype in HALF else None


def whole_state(
    slots: dict[str, Tensor], shared: dict[str, Tensor], constants: dict[str, Any], like: Tensor
) -> dict[str, Any]:
    """The dict `s` of a variable: all that a rule may look at."""
    scalars = {name: ops.cast(value, like.dtype) for name, value in shared.items()}
    return {**slots, **scalars, **constants}


def constants_of(optimizer: Any, indices: Sequence[int]) -> list[dict[str, Any]]:
    """What is decided for each of the variables with these indices, weight decay included."""
    decay, variables = optimizer.weight_decay or 0.0, keras_private.trainable_variables(optimizer)
    return [
        {
            **c,
            "weight_decay": decay if c["decayed"] else 0.0,
            "decay": None,  # `Rule.step` replaces it
            "stored": stored_by(variables[i]),
        }
        for c, i in ((optimizer.state.constants[i], i) for i in indices)
    ]


def state_of(optimizer: Any, i: int) -> dict[str, Any]:
    """The dict `s` of the variable with index `i`, between two steps; empty if it has no slots."""
    state, x = optimizer.state, widened(keras_private.trainable_variables(optimizer)[i])
    if not state.slots[i]:
        return {}
    return whole_state(tensors(state.slots[i]), tensors(state.shared), state.constants[i], like=x)
