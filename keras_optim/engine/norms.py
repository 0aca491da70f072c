"""Norms of gradient and update, measured inside the step on request.

They are shared variables of the optimizer, so every backend's trainer carries them through its
compiled step; nothing that updates the weights reads them, and they are not saved.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from keras import ops

from keras_optim import keras_private
from keras_optim.engine.distribution import whole
from keras_optim.variables.layer_names import layer_names

Tensor = Any

LAST = ("learning_rate", "gradient_norm", "update_norm")
"""The numbers that are recorded of each step."""
BY_LAYER = ("layer_gradient_norm", "layer_update_norm")
"""Recorded on request: one number for each layer."""
NAMES = tuple(f"{when}_{name}" for when in ("recorded", "summed") for name in (*LAST, *BY_LAYER))
STEPS = "recorded_steps"


@dataclass
class Recording:
    """Settings of an optimizer that records; the object is true."""

    model: Any = None
    """The model whose layers are told apart, or `None`."""
    layers: list[str] = field(default_factory=list)
    """Their names, once the optimizer is built."""
    layer_of: list[int] = field(default_factory=list)
    """For each variable of the optimizer, the index of its layer in `layers`."""
    indices: list[int] = field(default_factory=list)
    """The variables that have a gradient in the present step."""


def start(optimizer: Any, model: Any = None) -> bool:
    """Record from now on, and return whether that is new: then compile steps again.

    Args:
        optimizer: Of keras_optim.
        model: The model whose layers are told apart, or `None`.
    """
    present = optimizer._recording
    if present and (model is None or present.model is model):
        return False
    optimizer._recording = Recording(model)
    if optimizer.built:
        add(optimizer)
    return True


def add(optimizer: Any) -> None:
    """Create the variables for norms that a built optimizer lacks."""
    recording, shared = optimizer._recording, optimizer.state.shared
    if recording.model is not None:
        names = layer_names(recording.model, keras_private.trainable_variables(optimizer))
        recording.layers = list(dict.fromkeys(names))
        recording.layer_of = [recording.layers.index(name) for name in names]
    for name in (*NAMES, STEPS):
        by_layer = name.endswith(BY_LAYER)
        if name in shared or (by_layer and not recording.layers):
            continue
        shape = (len(recording.layers),) if by_layer else ()
        shared[name] = optimizer.add_variable(
            shape, dtype="float32", aggregation="only_first_replica", name=name
        )


def note_variables(optimizer: Any, variables: Sequence[Any]) -> None:
    """Note the variables to which the gradients of this step belong."""
    if optimizer._recording.layers:
        indices = [keras_private.index_of(optimizer, v) for v in variables]
        optimizer._recording.indices = indices


def of_gradients(
    recording: Recording,
    grads: Sequence[Tensor],
    total: Callable[[Tensor], Tensor] = lambda value: value,
) -> dict[str, Tensor]:
    """Return the norms of the gradient, before clipping; `total` is that of `step_all`."""
    grads = [ops.cast(g, "float32") for g in grads]
    found = {"recorded_gradient_norm": whole(global_norm(grads, total))}
    if recording.layers:
        found["recorded_layer_gradient_norm"] = layer_norms(recording, grads)
    return found


def note_gradient(optimizer: Any, grads: Sequence[Tensor]) -> None:
    """Keep the norm of the gradient, before clipping, until the rule runs."""
    for name, value in of_gradients(optimizer._recording, grads).items():
        optimizer.state.shared[name].assign(value)


def noted(
    recording: Recording,
    shared: dict[str, Tensor],
    changes: Sequence[Tensor],
    lr: Tensor,
    total: Callable[[Tensor], Tensor],
) -> dict[str, Tensor]:
    """Return the numbers to record of a step with `changes`; `total` is that of `step_all`."""
    names: tuple[str, ...] = LAST
    last = {
        "recorded_learning_rate": ops.cast(lr, "float32"),
        "recorded_gradient_norm": shared["recorded_gradient_norm"],
        "recorded_update_norm": ops.cast(global_norm(changes, total), "float32"),
    }
    if recording.layers:
        names = (*LAST, *BY_LAYER)
        last["recorded_layer_gradient_norm"] = shared["recorded_layer_gradient_norm"]
        last["recorded_layer_update_norm"] = layer_norms(recording, changes)
    sums = {f"summed_{name}": shared[f"summed_{name}"] + last[f"recorded_{name}"] for name in names}
    return {**last, **sums, STEPS: shared[STEPS] + 1.0}


def global_norm(
    tensors: Sequence[Tensor], total: Callable[[Tensor], Tensor] = lambda value: value
) -> Tensor:
    """Return the Euclidean norm over all elements of all tensors.

    >>> float(global_norm([ops.array([3.0]), ops.array([[4.0]])]))
    5.0
    """
    square: Any = 0.0
    for value in tensors:
        square = square + ops.sum(ops.square(value))
    return ops.sqrt(total(square))


def layer_norms(recording: Recording, tensors: Sequence[Tensor]) -> Tensor:
    """Return the norm of each layer, from one tensor for each variable of the step; 0 if none."""
    groups: list[list[Tensor]] = [[] for _ in recording.layers]
    for index, value in zip(recording.indices, tensors, strict=True):
        groups[recording.layer_of[index]].append(value)
    zero = ops.zeros((), "float32")
    norms = [ops.cast(whole(global_norm(group)), "float32") if group else zero for group in groups]
    return ops.stack(norms)


def last(optimizer: Any) -> dict[str, float]:
    """Return the numbers recorded of the last step."""
    return _read(optimizer, "recorded", 1.0)


def means(optimizer: Any) -> dict[str, float]:
    """Return the means over the steps since `forget`; an empty dict without steps."""
    steps = float(ops.convert_to_numpy(optimizer.state.shared[STEPS]))
    return _read(optimizer, "summed", steps) if steps else {}


def forget(optimizer: Any) -> None:
    """Start the means again."""
    if optimizer.built:
        for name, variable in optimizer.state.shared.items():
            if name == STEPS or (name in NAMES and name.startswith("summed")):
                variable.assign(ops.zeros(variable.shape, "float32"))


def _read(optimizer: Any, when: str, divisor: float) -> dict[str, float]:
    shared, layers = optimizer.state.shared, optimizer._recording.layers
    found = {n: float(ops.convert_to_numpy(shared[f"{when}_{n}"])) / divisor for n in LAST}
    for name in BY_LAYER if layers else ():
        numbers = ops.convert_to_numpy(shared[f"{when}_{name}"]) / divisor
        title = name.removeprefix("layer_")
        found |= {f"{title}/{layer}": float(x) for layer, x in zip(layers, numbers, strict=True)}
    return found
