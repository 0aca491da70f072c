"""Norms of gradient and update, measured inside the step, for those who ask.

They are shared scalars of the optimizer, so every backend's trainer carries them through its
compiled step; nothing that updates the weights reads them, and they are not saved.
"""

from collections.abc import Callable, Sequence
from typing import Any

from keras import ops

from keras_optim.distribution import whole

Tensor = Any

LAST = ("learning_rate", "gradient_norm", "update_norm")
"""What is recorded of each step."""
NAMES = (*(f"recorded_{name}" for name in LAST), *(f"summed_{name}" for name in LAST))
STEPS = "recorded_steps"


def start(optimizer: Any) -> bool:
    """Record from now on; whether that is new, so that a compiled step must be made again."""
    if optimizer._recording:
        return False
    optimizer._recording = True
    if optimizer.built:
        add(optimizer)
    return True


def add(optimizer: Any) -> None:
    """Create the scalars of a built optimizer."""
    for name in (*NAMES, STEPS):
        optimizer._plan.shared[name] = optimizer.add_variable(
            (), dtype="float32", aggregation="only_first_replica", name=name
        )


def note_gradient(optimizer: Any, grads: Sequence[Tensor]) -> None:
    """Keep the norm of the gradient, before clipping, until the step is made."""
    norm = global_norm([ops.cast(g, "float32") for g in grads])
    optimizer._plan.shared["recorded_gradient_norm"].assign(whole(norm))


def noted(
    shared: dict[str, Tensor],
    old: Sequence[Tensor],
    new: Sequence[Tensor],
    lr: Tensor,
    total: Callable[[Tensor], Tensor],
) -> dict[str, Tensor]:
    """The scalars after a step from the weights `old` to `new`; `total` as in `step_all`."""
    last = {
        "recorded_learning_rate": ops.cast(lr, "float32"),
        "recorded_gradient_norm": shared["recorded_gradient_norm"],
        "recorded_update_norm": ops.cast(
            global_norm([n - o for n, o in zip(new, old, strict=True)], total), "float32"
        ),
    }
    sums = {f"summed_{name}": shared[f"summed_{name}"] + last[f"recorded_{name}"] for name in LAST}
    return {**last, **sums, STEPS: shared[STEPS] + 1.0}


def global_norm(
    tensors: Sequence[Tensor], total: Callable[[Tensor], Tensor] = lambda value: value
) -> Tensor:
    """Euclidean norm over all elements of all tensors.

    >>> float(global_norm([ops.array([3.0]), ops.array([[4.0]])]))
    5.0
    """
    square: Any = 0.0
    for value in tensors:
        square = square + ops.sum(ops.square(value))
    return ops.sqrt(total(square))


def last(optimizer: Any) -> dict[str, float]:
    """What was recorded of the last step."""
    return {name: _read(optimizer, f"recorded_{name}") for name in LAST}


def means(optimizer: Any) -> dict[str, float]:
    """Means over the steps since `forget`; nothing without steps."""
    steps = _read(optimizer, STEPS)
    return {name: _read(optimizer, f"summed_{name}") / steps for name in LAST} if steps else {}


def forget(optimizer: Any) -> None:
    """Begin the means anew."""
    if optimizer.built:
        for name in (*NAMES[len(LAST) :], STEPS):
            optimizer._plan.shared[name].assign(0.0)


def _read(optimizer: Any, name: str) -> float:
    return float(ops.convert_to_numpy(optimizer._plan.shared[name]))
