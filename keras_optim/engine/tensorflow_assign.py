"""A new value that is the old one and a step: the step is added where the value lies.

Of TensorFlow, outside of XLA: one operation instead of two, in the memory that the variable has.
"""

from typing import Any

from keras_optim.engine.tensors import BACKEND, Tensor, tf


def write(optimizer: Any, variable: Any, old: Tensor, new: Tensor) -> None:
    """Give `variable`, of which `old` was read, the value `new`."""
    step = None if used(new) else step_of(old, new)
    if step is None:
        optimizer.assign(variable, new)
    elif new.op.type == "Sub":
        optimizer.assign_sub(variable, step)
    else:
        optimizer.assign_add(variable, step)


def step_of(old: Tensor, new: Tensor) -> Tensor | None:
    """What is added to `old`, or subtracted from it, where `new` was made so in a graph."""
    operation = _operation(new)
    if operation is None or operation.type not in ("Sub", "AddV2"):
        return None
    first, second = operation.inputs
    if first is old and second.shape == new.shape:
        return second
    return None


def used(value: Tensor) -> bool:
    """Whether something is computed from `value`, a tensor of a graph."""
    return bool(_operation(value) and value.consumers())


def _operation(value: Tensor) -> Any:
    if BACKEND != "tensorflow":
        return None
    return value.op if tf().is_symbolic_tensor(value) else None
