"""Checks of the gradients and variables that callers give, before a step.

Backends broadcast, drop the imaginary part, or fail somewhere inside; here the message names the
variable.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from keras_optim.engine import sparse_rows
from keras_optim.variables.paths import path_of


def checked_variables(owner: str, name: str, values: Any) -> list[Any]:
    """Return `values` as a list of variables.

    Raises:
        TypeError: they are no list, or not all are variables.
        ValueError: a variable occurs twice.
    """
    values = _listed(owner, name, values, "variables")
    for value in values:
        if not hasattr(value, "assign"):
            raise TypeError(
                f"{owner}: `{name}` must be a list of variables. "
                f"Received: a list with a {type(value).__name__}"
            )
    if len({id(value) for value in values}) < len(values):
        seen: set[int] = set()
        twice = next(v for v in values if id(v) in seen or seen.add(id(v)))  # type: ignore[func-returns-value]
        raise ValueError(f"{owner}: variable {path_of(twice)} is given twice in `{name}`.")
    return values


def built_for(optimizer: Any, variables: Sequence[Any]) -> None:
    """Build `optimizer` for the variables of its first step, unless it is built."""
    if not optimizer.built:
        with keras.name_scope(optimizer.name, caller=optimizer):
            optimizer.build(variables)


def checked_kinds(owner: str, variables: Sequence[Any]) -> None:
    """Raise a TypeError unless all `variables` hold floating point numbers."""
    for variable in variables:
        dtype = keras.backend.standardize_dtype(variable.dtype)
        if not keras.backend.is_float_dtype(dtype):
            raise TypeError(
                f"{owner}: variable {path_of(variable)} has dtype {dtype}: only variables of "
                "floating point numbers can be trained. Make it non-trainable."
            )


def checked_gradients(owner: str, gradients: Any, variables: Sequence[Any]) -> list[Any]:
    """Return `gradients` as a list of one tensor, or `None`, for each of `variables`.

    Raises:
        TypeError: no list, or a member is no tensor of real numbers.
        ValueError: the wrong number of gradients, or one of another shape than its variable.
    """
    gradients = _listed(owner, "grads", gradients, "gradients")
    if len(gradients) != len(variables):
        raise ValueError(
            f"{owner}: `grads` must hold one gradient per variable. "
            f"Received: {len(gradients)} gradients, {len(variables)} variables."
        )
    return [
        g if g is None else _checked_gradient(owner, sparse_rows.of_tensors(g), v)
        for g, v in zip(gradients, variables, strict=True)
    ]


def _checked_gradient(owner: str, gradient: Any, variable: Any) -> Any:
    if not hasattr(gradient, "dtype"):
        gradient = np.asarray(gradient)
    try:
        dtype = keras.backend.standardize_dtype(gradient.dtype)
        number = keras.backend.is_float_dtype(dtype) or keras.backend.is_int_dtype(dtype)
    except ValueError:
        dtype, number = str(gradient.dtype), False
    if not number:
        raise TypeError(
            f"{owner}: the gradient of {path_of(variable)} must be a tensor of real numbers. "
            f"Received: dtype {dtype}"
        )
    if getattr(gradient, "is_meta", False):
        raise ValueError(
            f"{owner}: the gradient of {path_of(variable)} must hold numbers. "
            "Received: a tensor on PyTorch's device meta"
        )
    shape, expected = gradient.shape, tuple(variable.shape)
    if getattr(shape, "rank", 0) is None:  # TensorFlow may not know it while it traces
        return gradient
    fits = len(shape) == len(expected) and all(
        a is None or a == b for a, b in zip(shape, expected, strict=True)
    )
    if not fits:
        raise ValueError(
            f"{owner}: the gradient of {path_of(variable)} must have shape {expected}. "
            f"Received: shape {tuple(shape)}"
        )
    return gradient


def _listed(owner: str, name: str, values: Any, members: str) -> list[Any]:
    scalar = isinstance(values, str | bytes | Mapping) or hasattr(values, "shape")
    if scalar or not isinstance(values, Iterable):
        raise TypeError(
            f"{owner}: `{name}` must be a list of {members}. Received: a {type(values).__name__}"
        )
    return list(values)


def check_precision(optimizer: Any) -> None:
    """Refuse options that would leave the compensation of a weight wrong.

    Raises:
        ValueError: Keras is to overwrite weights, without the bits that their rounding lost.
    """
    overwrites = optimizer.use_ema and optimizer.ema_overwrite_frequency
    if optimizer.weight_rounding == "kahan" and overwrites:
        raise ValueError(
            f"{type(optimizer).__name__}: `ema_overwrite_frequency` must be None with "
            'weight_rounding="kahan", because Keras overwrites the weights without their '
            "compensation. Put keras_optim.EMA around the optimizer instead, or use "
            f'weight_rounding="stochastic". Received: ema_overwrite_frequency='
            f"{optimizer.ema_overwrite_frequency}"
        )


def check_before_build(optimizer: Any, name: str) -> None:
    """Refuse to set an option that decides which state is kept, after it was created.

    Raises:
        ValueError: the optimizer is built.
    """
    if optimizer.built and name != "rounding_seed":
        raise ValueError(
            f"{type(optimizer).__name__}: `{name}` must be set before the optimizer is built, "
            "because its state is created then."
        )
