"""Variables by their paths: patterns that mean the same on every backend."""

import re
from collections.abc import Iterable, Sequence
from typing import Any


def path_of(variable: Any) -> str:
    """Path of a Keras variable; name of a native one."""
    return str(getattr(variable, "path", None) or variable.name)


def exactly(variable: Any) -> str:
    r"""The pattern that matches the path of `variable` and no other.

    >>> import keras
    >>> exactly(keras.Variable([1.0], name="a.b"))
    '^a\\.b$'
    """
    return f"^{re.escape(path_of(variable))}$"


def first_matches(
    patterns: Iterable[str], paths: Sequence[str], owner: str, argument: str
) -> list[str | None]:
    """For each path, the first of the regular expressions that is found in it, or `None`.

    Raises:
        ValueError: a pattern is no regular expression, or is found in no path; the message names
            `owner` and `argument` and lists the paths.

    Example:

    >>> first_matches(["bias", "a/"], ["a/kernel", "a/bias", "b/kernel"], "Adam", "exclude")
    ['a/', 'bias', None]
    """
    found: list[str | None] = [None] * len(paths)
    for pattern in patterns:
        try:
            matching = [bool(re.search(pattern, path)) for path in paths]
        except re.error as error:
            raise ValueError(
                f"{owner}: `{argument}` got {pattern!r}, which is no regular expression: {error}"
            ) from None
        if not any(matching):
            raise ValueError(
                f"{owner}: `{argument}` got {pattern!r}, which matches no variable. "
                f"The variables are: {', '.join(paths)}"
            )
        found = [f or (pattern if m else None) for f, m in zip(found, matching, strict=True)]
    return found
