"""Checks of JSON that the benchmark reads from its results folder.

A full disk, a crash, an editor or two commands at once may have damaged a file. A file that fails
its check counts as missing, and the benchmark writes it again.
"""

from collections.abc import Callable, Mapping
from typing import Any

_LARGEST = 1e39
"""A number beyond float32, the precision of all measures."""

Check = Callable[[Any], bool]


def fits(value: Any, checks: Mapping[str, Check]) -> bool:
    """Tell whether `value` is an object of JSON with these keys, whose values pass the checks.

    >>> fits({"epochs": 3, "more": None}, {"epochs": count})
    True
    >>> fits({"epochs": True}, {"epochs": count}), fits(["epochs"], {"epochs": count})
    (False, False)
    """
    if not isinstance(value, dict):
        return False
    return all(key in value and check(value[key]) for key, check in checks.items())


def text(value: Any) -> bool:
    """Tell whether `value` is a string."""
    return isinstance(value, str)


def count(value: Any) -> bool:
    """Tell whether `value` is a whole number from 0 up."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def positive(value: Any) -> bool:
    """Tell whether `value` is a whole number from 1 up."""
    return count(value) and value > 0


def number(value: Any) -> bool:
    """Tell whether `value` is a number that float32 can hold."""
    real = isinstance(value, int | float) and not isinstance(value, bool)
    return real and abs(value) < _LARGEST


def measured(value: Any) -> bool:
    """Tell whether `value` is a number, or null, which stands for one that is not finite."""
    return value is None or number(value)


def share(value: Any) -> bool:
    """Tell whether `value` is a number in [0, 1]."""
    return number(value) and 0 <= value <= 1


def some(check: Check) -> Check:
    """Make the check of a list, not empty, of values that pass `check`."""
    return lambda value: isinstance(value, list) and bool(value) and all(map(check, value))


EDITION = {"name": text, "version": text, "train": positive, "test": positive}
SPEC = {
    "workload": text,
    "data": lambda value: fits(value, EDITION),
    "optimizer": text,
    "epochs": positive,
    "num_train": positive,
    "batch_size": positive,
    "seed": count,
    "backend": text,
    "device": text,
}
