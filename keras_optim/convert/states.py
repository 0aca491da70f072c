"""State of our optimizers as arrays under the other library's names, and back."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from keras_optim import keras_private
from keras_optim.convert.counterparts import Array, Row, Slot
from keras_optim.formatting import shown
from keras_optim.optimizer import Optimizer
from keras_optim.state import files
from keras_optim.trees import INNER
from keras_optim.variables.paths import path_of


def rate_of(optimizer: Optimizer) -> float:
    """Return the rate of the next step, as the shortest number that rounds to it."""
    rate = keras.ops.convert_to_numpy(optimizer.learning_rate)
    return float(str(rate))


def present_rate(title: str, optimizer: Optimizer) -> float:
    """Return the rate as a number, and warn if it comes from a schedule."""
    rate = rate_of(optimizer)
    if not isinstance(keras_private.learning_rate(optimizer), keras.Variable):
        warnings.warn(
            f"{title}: the schedule is not converted; the rate is the present one, {rate}.",
            stacklevel=3,
        )
    return rate


def check_lengths(title: str, ours: Sequence[Any], theirs: Sequence[Any]) -> None:
    """Raise a ValueError unless there is one variable for each parameter."""
    if len(ours) != len(theirs):
        raise ValueError(
            f"{title}: give one variable for each parameter, in the same order. "
            f"Received: {len(ours)} variables, {len(theirs)} parameters"
        )


def check_built(title: str, optimizer: Any) -> None:
    """Raise a ValueError unless the optimizer is built."""
    if not optimizer.built:
        raise ValueError(
            f"{title}: the optimizer is not built, so it has no state to convert. Call "
            "`optimizer.build(model.trainable_variables)` first."
        )


def exempt(optimizer: Optimizer, variables: Sequence[Any], decayed: Sequence[bool]) -> None:
    """Exclude the variables that do not decay in the other library from our weight decay."""
    excluded = [v for v, d in zip(variables, decayed, strict=True) if not d]
    if excluded:
        optimizer.exclude_from_weight_decay(var_list=excluded)


def take(
    row: Row, optimizer: Optimizer, states: Sequence[Mapping[str, Array]], count: int, **others: Any
) -> None:
    """Load their state, one dict of arrays for each variable, into a built optimizer of ours.

    Raises:
        ValueError: an array has another shape than our slot.
    """
    variables, constants = keras_private.trainable_variables(optimizer), constants_of(optimizer)
    rule: Any = getattr(optimizer, "inner", optimizer)
    store: dict[str, Any] = {"iteration": np.array(count), **others}
    for i, (variable, state) in enumerate(zip(variables, states, strict=True)):
        x = keras.ops.convert_to_numpy(variable.value)
        rate = rate_of(optimizer) * constants[i].get("multiplier", 1.0)
        for name, slot in row.slots_of(variable).items():
            ours = slot.ours if isinstance(slot, Slot) else slot
            if name in state and ours in optimizer.state.slots[i]:
                value = slot.take(state, x, rate, rule) if isinstance(slot, Slot) else state[name]
                store[f"{ours}.{i}"] = np.asarray(value)
    if callable(row.scalars):
        computed: Mapping[str, float] = row.scalars(rule, count)
        store.update({n: np.array(v) for n, v in computed.items()})
    named = files.named_state(optimizer)
    for name, value in store.items():
        if tuple(value.shape) != tuple(named[name].shape):
            slot, _, index = name.rpartition(".")
            path = path_of(variables[int(index)]) if slot else name
            raise ValueError(
                f"{type(optimizer).__name__}: the state `{slot}` of {path} must have the shape "
                f"{tuple(named[name].shape)}. Received: shape {tuple(value.shape)}. Are the "
                "variables in the order of the parameters, and their axes too?"
            )
    for name, value in store.items():
        named[name].assign(value)


def give(row: Row, optimizer: Optimizer) -> list[dict[str, Array]]:
    """Return our state under their names: a dict of arrays for each variable."""
    rule, kept, states = getattr(optimizer, "inner", optimizer), optimizer.state, []
    variables = keras_private.trainable_variables(optimizer)
    for variable, ours, constants in zip(
        variables, kept.slots, constants_of(optimizer), strict=True
    ):
        rate = rate_of(optimizer) * constants.get("multiplier", 1.0)
        x = keras.ops.convert_to_numpy(variable.value)
        values = {name: keras.ops.convert_to_numpy(v.value) for name, v in ours.items()}
        state = {}
        for name, slot in row.slots_of(variable).items():
            key = slot.ours if isinstance(slot, Slot) else slot
            if key in values:
                given = slot.give(values, x, rate, rule) if isinstance(slot, Slot) else values[key]
                state[name] = np.array(given)
        states.append(state)
    return states


def constants_of(optimizer: Any) -> list[Mapping[str, Any]]:
    """Return the constants of each variable, those of the optimizer inside included."""
    return [{**constants.get(INNER, {}), **constants} for constants in optimizer.state.constants]


def count_of(optimizer: Any) -> int:
    """Return the number of steps so far."""
    return int(keras.ops.convert_to_numpy(optimizer.iterations))


def one_count(title: str, row: Row, counts: Sequence[int]) -> int:
    """Return the step count of all variables, the largest of `counts`.

    Raises:
        ValueError: the counts differ, and the rule depends on them.
    """
    if row.count == "used" and len(set(counts)) > 1:
        raise ValueError(
            f"{title}: the parameters have taken different numbers of steps, from {min(counts)} to "
            f"{max(counts)}; here one count serves all. Received: {shown(list(counts))}"
        )
    return max(counts, default=0)


def folded(ours: str, theirs: str, sign: float) -> Slot:
    """Return a slot for a momentum that holds the rate: theirs is ours times `sign * rate`."""

    def taken(state: Mapping[str, Array], x: Array, rate: float, rule: Any) -> Array:
        if rate == 0.0 and np.any(state[theirs]):
            raise ValueError(
                f"{type(rule).__name__}: their momentum holds the rate, and cannot be divided by "
                "a rate of 0. First set the rate that the momentum was computed with."
            )
        return state[theirs] / (sign * rate or 1.0)

    return Slot(ours, taken, lambda state, x, rate, rule: state[ours] * (sign * rate))


def without_axis(ours: str, theirs: str, axis: int) -> Slot:
    """Return a slot whose array lacks an axis that has length 1 in ours."""
    return Slot(
        ours,
        lambda state, x, rate, rule: np.expand_dims(state[theirs], axis),
        lambda state, x, rate, rule: np.squeeze(state[ours], axis),
    )
