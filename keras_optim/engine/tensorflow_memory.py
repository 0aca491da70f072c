"""A limit on the large variables that TensorFlow updates at once, so that memory is reused.

Outside of XLA, TensorFlow runs every operation that is ready, and each makes a tensor. Left alone,
it starts all variables at once and holds several new tensors of each in memory.
"""

import contextlib
from typing import Any

from keras_optim.tensors import BACKEND, Tensor, tf

LANES = 3
"""How many are worked on at the same time."""
LARGE = 2**16
"""Elements from which on a variable waits for its turn."""


class Turns:
    """Whose turn it is, in one step.

    Variables come in the order in which they may begin, last layers first: their gradients are
    the first to be there.
    """

    def __init__(self) -> None:
        self.done: list[Tensor] = []

    def of(self, x: Tensor, slots: dict[str, Tensor]) -> contextlib.AbstractContextManager[Any]:
        """Where the operations on a variable of the value `x` are made.

        Without slots there is not much to do: waiting costs more than it saves.
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
