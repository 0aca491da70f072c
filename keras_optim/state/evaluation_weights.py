"""Evaluation weights: swapped into the model, and training weights swapped back.

`Rule.evaluate` computes the evaluation weights. Callbacks that validate or save a model swap them
in, and at the end of `fit` they stay. Meanwhile `OptimizerState.trained` holds copies of the
training weights and their slots, under their names in a file; they come back bit by bit when
training continues. A file that is written meanwhile holds both.
"""

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

import keras
from keras import ops

from keras_optim import callers, keras_private, tensors
from keras_optim.engine import optimizer_state
from keras_optim.engine.distribution import alike, whole
from keras_optim.trees import flattened

PREFIX = "trained."
"""The prefix of the names of these copies: `trained.3` is a weight, `trained.lag.3` its slot."""
_EPSILON = {"bfloat16": 2.0**-7, "float16": 2.0**-10, "float32": 2.0**-23, "float64": 2.0**-52}


def swapped(optimizer: Any) -> bool:
    """Whether the model holds evaluation weights, and no step came after."""
    kept = optimizer.state.trained if optimizer.built else {}
    return bool(kept) and kept["iteration"] == _iteration(optimizer)


def swap_in(optimizer: Any) -> None:
    """Put the evaluation weights into the model, unless it holds them already.

    The state changes to fit them, so training can continue from them.
    """
    if not optimizer.built or swapped(optimizer):
        return
    kept, new = optimizer.state.trained, []
    kept.clear()
    with tensors.no_gradients():
        for i, variable in enumerate(keras_private.trainable_variables(optimizer)):
            x, state = tensors.widened(variable), optimizer_state.state_of(optimizer, i)
            value = optimizer.evaluate(x, state) if state else None
            if value is None:
                continue
            settled = _settled(optimizer, i, x, state)
            for name, (target, _) in {"": (variable, value), **settled}.items():
                kept[_name(name, i)] = ops.copy(tensors.tensor(target))
            new += [(variable, value), *settled.values()]
        _assign(optimizer, new)
    kept["iteration"] = _iteration(optimizer)


def swap_out(optimizer: Any) -> None:
    """Put the training weights back, if evaluation weights were swapped in.

    Weights that were set meanwhile stay, with the state that fits them.
    """
    if not optimizer.built:
        return
    kept, back = optimizer.state.trained, []
    if swapped(optimizer):
        with tensors.no_gradients():
            for i, variable in enumerate(keras_private.trainable_variables(optimizer)):
                if _name("", i) not in kept:
                    continue
                slots = {
                    n: kept[_name(n, i)] for n in optimizer.state.slots[i] if _name(n, i) in kept
                }
                x, state = kept[_name("", i)], optimizer_state.state_of(optimizer, i, **slots)
                expected = optimizer.evaluate(tensors.widened(x), state)
                if _close(ops.cast(expected, variable.dtype), tensors.tensor(variable)):
                    back.append((variable, x))
                    back += [(optimizer.state.slots[i][n], value) for n, value in slots.items()]
            _assign(optimizer, back)
    kept.clear()


@contextlib.contextmanager
def using(optimizer: Any) -> Iterator[None]:
    """Put the evaluation weights into the model inside, unless it holds them already."""
    trained = not swapped(optimizer)
    swap_in(optimizer)
    try:
        yield
    finally:
        if trained:
            swap_out(optimizer)


# ---- in a file


def kept_state(optimizer: Any) -> dict[str, Any]:
    """Return the training weights and slots while evaluation weights are in the model."""
    if not swapped(optimizer):
        return {}
    return {name: v for name, v in optimizer.state.trained.items() if name.startswith(PREFIX)}


def take_up(optimizer: Any, arrays: dict[str, Any]) -> set[str]:
    """Take the training weights and their state from a file; return the names that were read.

    The model's own weights in that file are the evaluation weights.
    """
    kept, names = optimizer.state.trained, set()
    kept.clear()
    with tensors.no_gradients():
        for i, variable in enumerate(keras_private.trainable_variables(optimizer)):
            x = arrays.get(_name("", i))
            if not optimizer.averaging or x is None or x.shape != tuple(variable.shape):
                continue
            for name, target in {"": variable, **optimizer.state.slots[i]}.items():
                if _name(name, i) in arrays:
                    value = ops.convert_to_tensor(arrays[_name(name, i)], dtype=target.dtype)
                    kept[_name(name, i)] = alike(tensors.tensor(target), value)
            trained = {
                n: kept[_name(n, i)] for n in optimizer.state.slots[i] if _name(n, i) in kept
            }
            state = optimizer_state.state_of(optimizer, i, **trained)
            settled = _settled(optimizer, i, tensors.widened(kept[_name("", i)]), state)
            _assign(optimizer, list(settled.values()))
            names |= {f"{name}.{i}" for name in settled}
    if kept:
        statistics = (name for name in arrays if name.startswith(f"{PREFIX}statistics."))
        kept.update({name: ops.convert_to_tensor(arrays[name]) for name in statistics})
        names |= kept.keys()
        kept["iteration"] = _iteration(optimizer)
    return names


def warn_in_checkpoint(optimizer: Any) -> None:
    """Warn, once, that `ModelCheckpoint` saves the training weights instead of their average."""
    told = vars(optimizer).get("_told_of_checkpoint")
    if told or not optimizer.built or not optimizer.averaging or swapped(optimizer):
        return
    if callers.nearest(keras.callbacks.ModelCheckpoint) is not None:
        vars(optimizer)["_told_of_checkpoint"] = True
        warnings.warn(
            f"{type(optimizer).__name__}: ModelCheckpoint saves the training weights, not their "
            "average. To validate and save the average, give "
            "`keras_optim.callbacks.EvaluateAveraged()` to `fit` as well.",
            stacklevel=2,
        )


# ---- parts


def _name(slot: str, i: int) -> str:
    return f"{PREFIX}{slot}.{i}" if slot else f"{PREFIX}{i}"


def _settled(optimizer: Any, i: int, x: Any, state: Any) -> dict[str, tuple[Any, Any]]:
    """Return the slots that change with the weights, by their flat names, and their new values."""
    slots, names = optimizer.state.slots[i], optimizer.state.slot_names[i]
    changed = flattened(optimizer.settle(x, state), names)
    return {name: (slots[name], value) for name, value in changed.items()}


def _iteration(optimizer: Any) -> int:
    return int(ops.convert_to_numpy(tensors.tensor(keras_private.iterations(optimizer))))


def _close(a: Any, b: Any) -> bool:
    """Whether two tensors are equal up to the rounding of another backend."""
    if 0 in b.shape:
        return True
    epsilon = _EPSILON[keras.backend.standardize_dtype(b.dtype)]
    a, b = tensors.widened(a), tensors.widened(b)
    largest = ops.max(ops.where(ops.isfinite(b), ops.abs(b), ops.zeros_like(b)))
    same = ops.logical_or(a == b, ops.logical_and(ops.isnan(a), ops.isnan(b)))
    same = ops.logical_or(same, ops.abs(a - b) <= 4.0 * epsilon * largest)
    return bool(ops.convert_to_numpy(whole(ops.all(same))))


def _assign(optimizer: Any, targets: list[tuple[Any, Any]]) -> None:
    for target, value in targets:
        optimizer.assign(target, ops.cast(value, target.dtype))
