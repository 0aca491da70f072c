"""Weight decay by path: the number of each variable."""

import functools
from collections.abc import Mapping, Sequence

from keras_optim.variables.patterns import Pattern


def decay_of(weight_decay: float | Mapping[str, float] | None, path: str) -> float:
    """Return the weight decay of the variable with this path: that of the first pattern in it.

    Args:
        weight_decay: A number for all variables, numbers by patterns over paths, or none.
        path: The path of the variable.

    >>> decay_of({"^embedding/": 0.0, "kernel": 0.1}, "body/kernel"), decay_of(None, "a")
    (0.1, 0.0)
    """
    if not isinstance(weight_decay, Mapping):
        return weight_decay or 0.0
    return next((number for p, number in weight_decay.items() if _found(p, path)), 0.0)


def check_patterns(
    weight_decay: float | Mapping[str, float] | None, paths: Sequence[str], owner: str
) -> None:
    """Raise a ValueError for a pattern that is no regular expression, or is found in no path."""
    for pattern in weight_decay if isinstance(weight_decay, Mapping) else ():
        try:
            found = any(_found(pattern, path) for path in paths)
        except ValueError as error:
            raise ValueError(f"{owner}: `weight_decay` got {pattern!r}, which {error}.") from None
        if not found:
            raise ValueError(
                f"{owner}: `weight_decay` got {pattern!r}, which matches no variable. "
                f"The variables are: {', '.join(paths)}"
            )


@functools.lru_cache(maxsize=100_000)
def _found(pattern: str, path: str) -> bool:
    return Pattern(pattern).found_in(path)
