"""Groups of small variables that are stepped as one stack on PyTorch.

There each operation has a cost of its own, so few are faster. XLA compiles equal shapes once, and
TensorFlow runs several operations at once, so other backends gain nothing.
"""

from collections.abc import Callable, Sequence
from typing import Any

from keras_optim.engine.distribution import is_dtensor
from keras_optim.tensors import ONE_BY_ONE

Tensor = Any
Kind = Callable[[int, Tensor], tuple[Any, int] | None]
LARGEST = 2**20
"""The numbers in a stack of several variables; larger ones gain nothing, and need memory."""


def groups(gs: Sequence[Tensor], kind: Kind) -> list[list[int]]:
    """Return the places of tensors that form a stack; none for those that are stepped alone.

    Args:
        gs: Gradients.
        kind: Returns, for a place and a gradient, a hashable value that is equal within a group,
            and how many numbers it adds to a stack; `None` if it is in no group.
    """
    found: dict[Any, list[list[int]]] = {}
    if not ONE_BY_ONE or any(map(is_dtensor, gs)):
        return []
    for i, g in enumerate(gs):
        if (one := kind(i, g)) is None:
            continue
        key, numbers = one
        of_kind = found.setdefault((key, numbers, g.dtype), [[]])
        if of_kind[-1] and (len(of_kind[-1]) + 1) * numbers > LARGEST:
            of_kind.append([])
        of_kind[-1].append(i)
    return [group for of_kind in found.values() for group in of_kind]
