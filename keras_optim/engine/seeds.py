"""Random numbers as functions of a seed and the step: the same after a resumed training."""

import random
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_optim.engine import distribution
from keras_optim.tensors import BACKEND

Tensor = Any


def chosen(title: str, seed: int | None) -> int:
    """Return `seed`, or one from Python's `random`.

    Raises:
        ValueError: there is none, and several processes train one model.
    """
    if seed is None and distribution.processes() > 1:
        raise ValueError(
            f"{title}: `seed` must be given if several processes train one model, because "
            "each would draw a different one. Received: seed=None"
        )
    return random.randrange(2**31) if seed is None else seed


def spread(seed: int, count: int) -> list[int]:
    """Return `count` seeds that are independent of each other, such as one for each variable."""
    sequences = [np.random.SeedSequence((seed, i)) for i in range(count)]
    return [int(sequence.generate_state(1)[0]) for sequence in sequences]


class SeedOfStep(keras.random.SeedGenerator):
    """A seed for one draw, from a number and the step: in place of Keras's generator with state."""

    def __init__(self, number: int, t: Tensor):
        self.number = number
        self.t = t

    def next(self, ordered: bool = True) -> Tensor:
        """Return the pair of numbers from which every backend's generator starts."""
        dtype = "uint32" if BACKEND == "jax" else "int64"
        return ops.stack([ops.convert_to_tensor(self.number, dtype), ops.cast(self.t, dtype)])
