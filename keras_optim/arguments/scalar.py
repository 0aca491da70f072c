"""Python numbers from objects that hold exactly one: NumPy scalars, tensors, variables."""

import numbers
from typing import Any

import keras
import numpy as np

REFUSED = object()
"""The result for a value that is no number of the kind asked for."""
TOO_LARGE = object()
"""The result for a number that no tensor of rates or of steps can hold."""
LARGEST = {float: float(np.finfo("float32").max), int: 2**31 - 1}
"""The largest float32, in which rates are kept, and int32, in which steps are counted."""
_ERRORS = (AttributeError, NotImplementedError, RuntimeError, TypeError, ValueError)


def plain_number(value: Any, kind: type) -> Any:
    """Convert `value` to a plain `float` or `int`, or return `REFUSED` or `TOO_LARGE`.

    It accepts numbers of Python and NumPy, and arrays, tensors and variables without axes. It
    refuses booleans, values with axes, and tensors of a trace, which have no number yet.

    >>> plain_number(np.array(0.25), float), plain_number(np.int64(3), int)
    (0.25, 3)
    >>> plain_number(np.array([0.25]), float) is REFUSED
    True
    """
    if _is_held(value):
        value = _held(value)
    exact = numbers.Real if kind is float else numbers.Integral
    if not isinstance(value, exact) or isinstance(value, bool | np.bool_):
        return REFUSED
    try:
        return kind(value)
    except OverflowError:
        return TOO_LARGE


def is_traced(value: Any) -> bool:
    """Whether `value` is a number of a trace, which is not known yet."""
    return _is_held(value) and _held(value) is REFUSED


def _is_held(value: Any) -> bool:
    """Whether `value` is an array, tensor or variable of one real number, without axes."""
    if isinstance(value, np.generic):
        return False
    try:
        if len(value.shape) > 0:
            return False
        dtype = keras.backend.standardize_dtype(value.dtype)
    except _ERRORS:
        return False
    return keras.backend.is_float_dtype(dtype) or keras.backend.is_int_dtype(dtype)


def _held(value: Any) -> Any:
    value = value.value if isinstance(value, keras.Variable) else value
    try:
        number = value if hasattr(value, "item") else value.numpy()
        return number.item()
    except _ERRORS:
        return REFUSED
