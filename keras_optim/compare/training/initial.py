"""Initial weights that are equal on every backend: drawn by NumPy while a model is built."""

import contextlib
from collections.abc import Iterator
from typing import Any
from unittest import mock

import keras
import numpy as np

from keras_optim import keras_private


@contextlib.contextmanager
def drawn_by_numpy(seed: int) -> Iterator[None]:
    """Seed everything, and let the random numbers of Keras inside come from NumPy.

    Each backend draws other numbers from a seed. Initializers ask the backend for normal, truncated
    normal and uniform numbers and for integers; here NumPy answers.
    """
    keras.utils.set_random_seed(seed)
    module, draws = keras_private.backend_random(), _Draws(seed)
    with contextlib.ExitStack() as stack:
        for name in ("normal", "truncated_normal", "uniform", "randint"):
            stack.enter_context(mock.patch.object(module, name, getattr(draws, name)))
        yield


class _Draws:
    """Random functions with the arguments of Keras's; a whole number as `seed` repeats itself."""

    def __init__(self, seed: int):
        self.common = np.random.default_rng(seed)

    def normal(
        self, shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, seed: Any = None
    ) -> Any:
        """Draw from a normal distribution."""
        return _tensor(self._of(seed).normal(mean, stddev, shape), dtype)

    def truncated_normal(
        self, shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, seed: Any = None
    ) -> Any:
        """Draw from a normal distribution, cut at two standard deviations."""
        draw = self._of(seed)
        values = draw.normal(size=shape)
        while (outside := np.abs(values) > 2).any():
            values = np.where(outside, draw.normal(size=shape), values)
        return _tensor(mean + stddev * values, dtype)

    def uniform(
        self, shape: Any, minval: Any = 0.0, maxval: Any = 1.0, dtype: Any = None, seed: Any = None
    ) -> Any:
        """Draw from a uniform distribution."""
        return _tensor(self._of(seed).uniform(minval, maxval, shape), dtype)

    def randint(
        self, shape: Any, minval: Any, maxval: Any, dtype: Any = "int32", seed: Any = None
    ) -> Any:
        """Draw whole numbers, `maxval` excluded."""
        return _tensor(self._of(seed).integers(minval, maxval, shape), dtype)

    def _of(self, seed: Any) -> np.random.Generator:
        return np.random.default_rng(seed) if isinstance(seed, int) else self.common


def _tensor(values: Any, dtype: Any) -> Any:
    return keras.ops.convert_to_tensor(values, dtype=dtype or keras.config.floatx())
