"""Texts of values, short, for error messages and `repr`."""

import reprlib
from collections.abc import Iterable
from typing import Any


class _Short(reprlib.Repr):
    """Python's bounded `repr`, for arrays as well."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = 200
        self.maxlist = self.maxtuple = self.maxdict = self.maxset = self.maxfrozenset = 10

    def repr1(self, x: Any, level: int) -> str:
        """Show arrays and tensors by shape and dtype; leave all else to Python."""
        try:
            shape = tuple(x.shape)
            if shape and hasattr(x, "dtype"):
                return f"<{type(x).__name__} of shape {shape}, dtype {x.dtype}>"
        except Exception:  # no array, or an array of unknown shape
            pass
        return super().repr1(x, level)

    def repr_dict(self, x: dict[Any, Any], level: int) -> str:
        """Show dicts in their own order, which may be one of precedence."""
        if level <= 0:
            return "{...}"
        items = [(self.repr1(k, level - 1), self.repr1(v, level - 1)) for k, v in x.items()]
        shown = [f"{key}: {value}" for key, value in items[: self.maxdict]]
        return f"{{{', '.join([*shown, *['...'] * (len(items) > self.maxdict)])}}}"

    def repr_int(self, x: int, level: int) -> str:
        """Show integers of any length, because Python refuses more than 4300 digits."""
        bits = x.bit_length()
        return repr(x) if bits <= 128 else f"<an integer of {bits} bits>"


_short = _Short()


def shown(value: Any) -> str:
    """Return a `repr` of `value` of bounded length; it never fails.

    >>> import numpy as np
    >>> shown(np.zeros((100, 3)))
    '<ndarray of shape (100, 3), dtype float64>'
    >>> shown([0.1, np.zeros(2)])
    '[0.1, <ndarray of shape (2,), dtype float64>]'
    >>> shown({"b": 1, "a": 2})
    "{'b': 1, 'a': 2}"
    """
    return _short.repr(value)


def counted(number: int, noun: str) -> str:
    """Write a number with its noun, whose plural takes an s.

    >>> counted(1, "epoch"), counted(1200, "run")
    ('1 epoch', '1,200 runs')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def call(name: str, positional: Iterable[str], named: Iterable[tuple[str, Any]]) -> str:
    """Format a call: positional arguments unchanged, then named ones, `shown`.

    >>> call("EMA", ["Adam()"], [("decay", 0.9)])
    'EMA(Adam(), decay=0.9)'
    """
    return f"{name}({', '.join([*positional, *(f'{n}={shown(v)}' for n, v in named)])})"
