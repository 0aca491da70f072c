"""A limit on the large variables that TensorFlow updates at once, so that memory is reused.

Outside of XLA, TensorFlow runs every operation that is ready, and each creates a temporary. Without
a limit it starts all variables at once, and holds several temporaries of each in memory.
"""

import contextlib
from typing import Any

from keras_optim.tensors import BACKEND, Tensor, tf

LANES = 3
"""Number of large variables that are updated at once."""
LARGE = 2**16
"""Number of elements from which a variable is large."""


class Turns:
    """The order of updates in one step.

    Variables of the last layers come first, because their gradients are the first to be ready.
    """

    def __init__(self) -> None:
        self.done: list[Tensor] = []

    def of(self, x: Tensor, slots: dict[str, Tensor]) -> contextlib.AbstractContextManager[Any]:
        """Return the context for the operations on a variable of the value `x`.

        Without slots there is little to compute, so waiting costs more than it saves.
        """
        waiting = BACKEND == "tensorflow" and slots and self._large(x)
        if not waiting or len(self.done) < LANES:
            return contextlib.nullcontext()
        return tf().control_dependencies([self.done[-LANES]])

    def end(self, change: Tensor) -> None:
        """Note the change of a variable."""
        if BACKEND == "tensorflow" and self._large(change):
            self.done.append(change)

    def _large(self, x: Tensor) -> bool:
        return (x.shape.num_elements() or 0) >= LARGE
