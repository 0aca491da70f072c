"""Short texts for values in error messages and in `repr`."""

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
        """Arrays and tensors by their shape and dtype; all else as Python does it."""
        try:
            shape = tuple(x.shape)
            if shape and hasattr(x, "dtype"):
                return f"<{type(x).__name__} of shape {shape}, dtype {x.dtype}>"
        except Exception:  # no array, or one of unknown shape
            pass
        return super().repr1(x, level)

    def repr_int(self, x: int, level: int) -> str:
        """Numbers of any length; Python refuses to print those of more than 4300 digits."""
        bits = x.bit_length()
        return repr(x) if bits <= 128 else f"<an integer of {bits} bits>"


_short = _Short()


def shown(value: Any) -> str:
    """A `repr` of `value` of bounded length, which never fails.

    >>> import numpy as np
    >>> shown(np.zeros((100, 3)))
    '<ndarray of shape (100, 3), dtype float64>'
    >>> shown([0.1, np.zeros(2)])
    '[0.1, <ndarray of shape (2,), dtype float64>]'
    """
    return _short.repr(value)


def call(name: str, positional: Iterable[str], named: Iterable[tuple[str, Any]]) -> str:
    """A call as it is written: what comes first as it is, then what has a name, shown.

    >>> call("EMA", ["Adam()"], [("decay", 0.9)])
    'EMA(Adam(), decay=0.9)'
    """
    return f"{name}({', '.join([*positional, *(f'{n}={shown(v)}' for n, v in named)])})"
