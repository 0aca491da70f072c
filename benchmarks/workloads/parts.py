"""Parts of a data set: training, validation and test, in one fixed order."""

from dataclasses import dataclass
from typing import Any

import numpy as np

HELD_OUT = 0.1
"""Share of the training split that is kept for validation."""


@dataclass(frozen=True)
class Part:
    """Inputs and labels; labels are classes, or numbers as float32."""

    x: Any
    y: Any

    def take(self, rows: Any) -> "Part":
        """Take some of the examples."""
        return Part(self.x[rows], self.y[rows])


@dataclass(frozen=True)
class Parts:
    """The three parts of a data set."""

    train: Part
    validation: Part
    test: Part


def held_out(train: Part, test: Part, num_train: int | None = None) -> Parts:
    """Hold out the first tenth of a fixed permutation; train on the first `num_train` of the rest.

    The permutation depends on no seed.
    """
    order = fixed_order(len(train.y))
    held = int(len(train.y) * HELD_OUT)
    return Parts(train.take(order[held:][:num_train]), train.take(order[:held]), test)


def fixed_order(count: int) -> Any:
    """Return the same permutation of `count` examples for ever, as NumPy's RandomState promises."""
    return np.random.RandomState(0).permutation(count)


def cut(x: Any, y: Any, test: int) -> tuple[Part, Part]:
    """Permute a data set that comes in one piece; its last `test` examples are the test set."""
    order = fixed_order(len(y))
    return Part(x, y).take(order[:-test]), Part(x, y).take(order[-test:])
