"""The state of an optimizer on disk: every number under a name of its own.

Keras stores state by position, and drops all of it if the number of variables differs. Here a slot
is called `momentum.3` (slot, index of the variable). So the numbers that match are loaded, and a
warning names the others. The file holds the class of the algorithm as the bytes of its name,
because readers of this format expect numbers.
"""

import warnings
from collections.abc import Set
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_optim import keras_private
from keras_optim.contract import innermost, layers
from keras_optim.decaying import LARGEST_RATE
from keras_optim.engine import norms
from keras_optim.engine.distribution import alike, whole
from keras_optim.engine.optimizer_state import named_rules, own_rates, shared_names
from keras_optim.formatting import shown
from keras_optim.state import evaluation_weights
from keras_optim.tensors import BACKEND, array_of, eagerly, tensor
from keras_optim.trees import flattened

FORMAT = 1


def named_state(optimizer: Any) -> dict[str, Any]:
    """Return every variable of `optimizer` under its name in a file."""
    named = {"iteration": keras_private.iterations(optimizer)}
    if any(keras_private.learning_rate(optimizer) is v for v in optimizer.variables):
        named["learning_rate"] = keras_private.learning_rate(optimizer)
    if not optimizer.built:
        return named
    recorded = (*norms.NAMES, norms.STEPS)
    named.update(optimizer.state.shared)
    for i, state in enumerate(optimizer.state.slots):
        named.update({f"{slot}.{i}": variable for slot, variable in state.items()})
    kept_by_keras = {
        "average": keras_private.averages(optimizer),
        "gradient_accumulator": keras_private.accumulators(optimizer),
    }
    for name, variables in kept_by_keras.items():
        named.update({f"{name}.{i}": v for i, v in enumerate(variables) if v is not None})
    known = {id(variable) for variable in named.values()}
    others = (v for v in optimizer.variables if id(v) not in known)  # added by a subclass
    named.update({f"other.{variable.name}": variable for variable in others})
    return {name: variable for name, variable in named.items() if name not in recorded}


def save(optimizer: Any, store: Any) -> None:
    """Write the state of `optimizer` into `store`, a mapping from names to arrays."""
    store["format"] = np.array(FORMAT)
    store["algorithm"] = np.frombuffer(type(innermost(optimizer)).__name__.encode(), "uint8")
    named, kept = named_state(optimizer), evaluation_weights.kept_state(optimizer)
    named = {name: v for name, v in named.items() if evaluation_weights.PREFIX + name not in kept}
    for name, variable in (named | kept).items():
        store[name] = array_of(whole(tensor(variable)))
    for name, value in optimizer._awaited.items():
        store[name] = value


def restored(kind: Any, config: dict[str, Any], state: dict[str, Any]) -> Any:
    """Return an optimizer from its configuration and state, for a pickle or a deep copy."""
    optimizer = kind.from_config(config)
    load(optimizer, state)
    return optimizer


def load(optimizer: Any, store: Any) -> None:
    """Read the state of `optimizer` from `store`: all that matches by name and shape.

    The state of variables waits until the optimizer is built.

    The learning rate is part of the configuration as well: if only one side keeps it as a number,
    the configuration decides. A warning names all other state that does not match. If the file
    holds the state of another optimizer, a warning says so, and this one stays as it is. It is
    another one if the algorithm inside all wrappers has another class, or, if the file names no
    class, if no slot is the same.

    Raises:
        ValueError: the file is damaged, or a newer version of keras_optim wrote it; nothing
            changes.
    """
    title = type(optimizer).__name__
    keys = set(store.keys())
    if "format" not in keys:
        _warn_of_another(title, "another optimizer")
        return
    arrays = {name: np.asarray(store[name]) for name in keys}
    _check_format(title, arrays.pop("format"))
    _check_numbers(title, arrays)
    if another := _another(optimizer, arrays):
        _warn_of_another(title, another)
        return
    _check_scalars(optimizer, arrays)
    optimizer._awaited = {}
    if optimizer.built:
        _assign(optimizer, arrays)
        return
    read = _assign_matching(named_state(optimizer), arrays)
    optimizer._awaited = {name: array for name, array in arrays.items() if name not in read}


def _check_format(title: str, version: Any) -> None:
    if version.shape or version.dtype.kind not in "iu" or version < 1:
        raise ValueError(
            f"{title}: the file is damaged: its format must be an integer >= 1. "
            f"Received: {shown(version)}"
        )
    if version > FORMAT:
        raise ValueError(
            f"{title}: the file has format {version}; this version of keras_optim reads up to "
            f"{FORMAT}. Update keras_optim, or load the model with `compile=False`."
        )


def _check_numbers(title: str, arrays: dict[str, Any]) -> None:
    for name, array in arrays.items():
        if array.dtype.kind not in "fiu" and array.dtype.name != "bfloat16":
            raise ValueError(
                f"{title}: the file is damaged: {name} must be real numbers. "
                f"Received: dtype {array.dtype}"
            )


def _check_scalars(optimizer: Any, arrays: dict[str, Any]) -> None:
    """Raise a ValueError for a count, rate or other scalar that no training can have had."""
    title = type(optimizer).__name__
    rules = list(named_rules(optimizer))
    never_negative = {
        names[own]
        for rule, names in rules
        for own in (*rule.non_negative, LARGEST_RATE)
        if own in names
    }
    starts = flattened(optimizer.shared_starts(), shared_names(optimizer))
    numbers = [name for name, start in starts.items() if not np.ndim(start)]
    for name in ("iteration", "learning_rate", *numbers):
        array = arrays.get(name)
        if array is None:
            continue
        if _long(array.shape):
            expected = "one number"
        elif name == "iteration":
            kind = keras_private.iterations(optimizer).dtype
            most = np.iinfo(keras.backend.standardize_dtype(kind)).max
            number = array.item()
            if number == number // 1 and 0 <= number <= most:
                continue
            expected = f"an integer from 0 to {most}, up to which {BACKEND} counts"
        elif name in ("learning_rate", *never_negative):
            if array >= 0 and array <= np.finfo("float32").max:
                continue
            expected = "a finite number >= 0"
        else:
            continue
        raise ValueError(
            f"{title}: the file is damaged: {name} must be {expected}. "
            f"Received: {str(array.tolist())[:80]}"
        )


def _another(optimizer: Any, arrays: dict[str, Any]) -> str | None:
    """Take the algorithm's name out of `arrays`; return it unless it is that of `optimizer`."""
    algorithm = innermost(optimizer)
    if "algorithm" in arrays:
        name = bytes(arrays.pop("algorithm").astype("uint8").ravel()).decode(errors="replace")
        mine = {kind.__name__ for kind in type(algorithm).__mro__}
        return None if name in mine else name
    slots = {name.rpartition(".")[0] for name in arrays if name.rpartition(".")[2].isdecimal()}
    slots -= {"average", "gradient_accumulator", "other"}
    known = {slot for rule in layers(optimizer) for slot in (*rule.slots, *type(rule).slots)}
    known.update(*(algorithm.init(ops.zeros(shape)) for shape in ((1,), (1, 1))))
    return "another optimizer" if slots and not slots & known else None


def _warn_of_another(title: str, another: str) -> None:
    warnings.warn(
        f"{title}: the file holds the state of {another}, so this one is left as it is and "
        "training would start from scratch. To continue from the file, compile with the optimizer "
        "that saved it, under the same dtype policy (mixed_float16 saves a LossScaleOptimizer "
        "around it).",
        stacklevel=3,
    )


def load_awaited(optimizer: Any) -> None:
    """Give an optimizer that was just built the state that was read before."""
    awaited, optimizer._awaited = optimizer._awaited, {}
    if awaited:
        with eagerly():
            _assign(optimizer, awaited, already=frozenset({"iteration"}))


def _assign(optimizer: Any, arrays: dict[str, Any], already: Set[str] = frozenset()) -> None:
    arrays = _of_this_version(optimizer, arrays)
    named = named_state(optimizer)
    read = _assign_matching(named, arrays) | evaluation_weights.take_up(optimizer, arrays)
    if arrays.keys() <= {"iteration", "learning_rate"} and not np.any(arrays.get("iteration", 1)):
        return  # a state from before the build, and so before the first step
    rates = {"learning_rate", *own_rates(optimizer)}
    if missed := (named.keys() | arrays.keys()) - read - already - rates:
        warnings.warn(
            f"{type(optimizer).__name__}: state that does not match the file was left as it is: "
            f"{', '.join(sorted(missed))}.",
            stacklevel=3,
        )


def _of_this_version(optimizer: Any, arrays: dict[str, Any]) -> dict[str, Any]:
    """Return the same state with the slots of this version of the optimizer."""
    arrays = dict(arrays)
    for i, (variable, slots) in enumerate(
        zip(keras_private.trainable_variables(optimizer), optimizer.state.slots, strict=True)
    ):
        suffix = f".{i}"
        older = {n: a for n, a in arrays.items() if n.endswith(suffix) and n.count(".") == 1}
        names = {name.removesuffix(suffix) for name in older}
        names -= {"average", "gradient_accumulator"}
        if names == slots.keys():
            continue
        given = {name: arrays.pop(name + suffix) for name in names}
        newer = optimizer.read_older(given, tuple(variable.shape))
        arrays |= {name + suffix: array for name, array in newer.items()}
    return arrays


def _assign_matching(named: dict[str, Any], arrays: dict[str, Any]) -> set[str]:
    """Assign the arrays that agree in name and shape, and return their names.

    Axes of length 1 do not count, because older files of Adafactor lack them.
    """
    read = {n for n, v in named.items() if n in arrays and _long(arrays[n].shape) == _long(v.shape)}
    for name in read:
        value = np.reshape(arrays[name], tuple(named[name].shape))
        named[name].assign(alike(tensor(named[name]), value))
    return read


def _long(shape: Any) -> list[int]:
    return [n for n in shape if n != 1]
