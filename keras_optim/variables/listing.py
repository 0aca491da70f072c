"""Lists of variables by the rule that updates them, for `summary` of an optimizer."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from keras_optim.variables.paths import path_of


def listed(
    variables: Sequence[Any],
    chosen: Sequence[int],
    labels: Sequence[str],
    notes: Sequence[str] | None = None,
) -> Iterator[str]:
    """Yield, for each label, a line with the numbers of its variables and weights, and their paths.

    Args:
        variables: The variables.
        chosen: For each variable, the number of its label.
        labels: The labels.
        notes: For each variable, a note after its path.

    Example:

    >>> import keras
    >>> variables = [keras.Variable([[1.0, 2.0]], name=name) for name in "ab"]
    >>> list(listed(variables, [0, 1], ["Adam", "SGD"]))
    ['Adam, 1 variable, 2 weights', '    a', 'SGD, 1 variable, 2 weights', '    b']
    """
    notes = notes or [""] * len(variables)
    for k, label in enumerate(labels):
        its = [i for i, number in enumerate(chosen) if number == k]
        weights = sum(math.prod(variables[i].shape) for i in its)
        yield f"{label}, {_counted(len(its), 'variable')}, {_counted(weights, 'weight')}"
        for i in its:
            yield f"    {path_of(variables[i])}{notes[i]}"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
