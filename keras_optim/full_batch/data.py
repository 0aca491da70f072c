"""Data of a model's loss: the caller's data as arrays, cut into chunks."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops, tree

Arguments = tuple[Any, Any, Any]
"""x, y and sample weights: arrays, nested structures of arrays, or `None`."""


@dataclass(frozen=True)
class Samples:
    """Samples as NumPy arrays, cut into chunks.

    Example: a model of a fixed batch size of 2 sees three samples as two chunks. A sample of weight
    0 fills up the second, and the others count for more.

    >>> samples = Samples.of((np.ones((3, 4)), np.ones(3)), batch_size=None, fixed=2)
    >>> [(round(share, 2), x.shape, weights) for share, (x, y, weights) in samples.parts(np.array)]
    [(0.67, (2, 4), None), (0.33, (2, 4), array([2., 0.], dtype=float32))]
    """

    arrays: Arguments
    count: int
    size: int
    """Samples in a chunk."""
    fixed: bool
    """Whether each chunk must have that size."""

    @classmethod
    def of(cls, data: Any, batch_size: int | None, fixed: int | None) -> "Samples":
        """Read the data of a caller.

        Args:
            data: `(x, y)` or `(x, y, sample_weight)`.
            batch_size: Samples in a chunk, or `None`: all.
            fixed: The only size of a batch that the model takes, or `None`.

        Raises:
            TypeError: `data` is no such tuple, or holds other values than numbers.
            ValueError: arrays of different lengths; or another `batch_size` than the model's.
        """
        if fixed and batch_size not in (None, fixed):
            raise ValueError(
                f"minimize: the model takes batches of {fixed} samples only: `batch_size` must be "
                f"{fixed} or None. Received: batch_size={batch_size}"
            )
        x, y, weights = arrays = _unpacked(data)
        count = _count({"x": x, "y": y, "sample_weight": weights})
        return cls(arrays, count, fixed or min(batch_size or count, count), bool(fixed))

    @property
    def filled(self) -> bool:
        """Whether the last chunk holds samples of weight 0."""
        return self.fixed and self.count % self.size > 0

    def parts(self, convert: Callable[[Any], Any]) -> Iterable[tuple[float, Arguments]]:
        """Yield each chunk, its arrays converted, with its share of the samples."""
        return (self._part(start, convert) for start in range(0, self.count, self.size))

    def _part(self, start: int, convert: Callable[[Any], Any]) -> tuple[float, Arguments]:
        stop = min(start + self.size, self.count)
        x, y, weights = _map(lambda array: array[start:stop], self.arrays)
        missing = self.size - (stop - start) if self.fixed else 0
        if missing:
            if weights is None:
                weights = tree.map_structure(_ones, y)
            x, y = _map(lambda array: _repeated(array, missing), (x, y))
            share = (stop - start) / self.size
            weights = _map(lambda array: _repeated(array / share, missing, 0), weights)
        return (stop - start) / self.count, _map(convert, (x, y, weights))


def fixed_batch_size(model: Any) -> int | None:
    """Return the only batch size that a model's inputs allow; `None` if they allow any.

    >>> x = keras.Input(batch_shape=(8, 3))
    >>> fixed_batch_size(keras.Model(x, keras.layers.Dense(1)(x)))
    8
    """
    inputs = tree.flatten(getattr(model, "inputs", None) or [])
    return next((tensor.shape[0] for tensor in inputs if tensor.shape[0] is not None), None)


def _map(function: Callable[[Any], Any], arrays: Any) -> Any:
    return tree.map_structure(lambda a: None if a is None else function(a), arrays)


def _ones(y: Any) -> Any:
    """Return a weight of 1 for each sample, in a shape that broadcasts to the losses of `y`."""
    return np.ones((len(y), *[1] * (y.ndim - 1)), keras.config.floatx())


def _repeated(array: Any, times: int, factor: int = 1) -> Any:
    """Append the last sample `times` more, multiplied by `factor`."""
    more = np.repeat(array[-1:], times, axis=0)
    return np.concatenate([array, more if factor else np.zeros_like(more)])


def _unpacked(data: Any) -> Arguments:
    if not isinstance(data, tuple | list) or not 1 <= len(data) <= 3:
        raise TypeError(
            "minimize: `data` must be (x, y) or (x, y, sample_weight), all of the data as arrays. "
            f"Received: {type(data).__name__}"
        )
    names = ("x", "y", "sample_weight")
    found = [_arrays(name, part) for name, part in zip(names, data, strict=False)]
    return (*found, None, None)[:3]


def _arrays(name: str, value: Any) -> Any:
    """Convert the leaves of `value` to arrays. A list of numbers, or of such lists, is one."""
    if value is None:
        return None
    if isinstance(value, Mapping):
        return {key: _arrays(name, member) for key, member in value.items()}
    if isinstance(value, tuple | list) and not _all_numbers(value):
        members = [_arrays(name, member) for member in value]
        return type(value)(members) if type(value) in (tuple, list) else members
    try:
        array = ops.convert_to_numpy(value) if ops.is_tensor(value) else np.asarray(value)
    except ValueError:  # rows of different lengths
        array = np.empty((), object)
    if array.dtype.kind == "O" or isinstance(value, str | bytes):
        raise TypeError(
            f"minimize: `data` must hold arrays of numbers, or lists of equally long rows. "
            f"Received: a {type(value).__name__} of other values as {name}"
        )
    return array.astype(keras.config.floatx()) if array.dtype.kind == "f" else array


def _all_numbers(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return all(map(_all_numbers, value))
    return isinstance(value, bool | int | float | np.number | np.bool_)


def _count(named: dict[str, Any]) -> int:
    lengths = {
        name: [len(a) if a.ndim else 0 for a in tree.flatten(arrays) if a is not None]
        for name, arrays in named.items()
    }
    found = {length for group in lengths.values() for length in group}
    if len(found) != 1 or 0 in found:
        listed = ", ".join(f"{name}: {_listed(group)}" for name, group in lengths.items() if group)
        raise ValueError(
            "minimize: all arrays in `data` must hold the same number of samples, at least one. "
            f"Received: {listed}"
        )
    return found.pop()


def _listed(lengths: list[int]) -> str:
    more = f" and {len(lengths) - 4} more" if len(lengths) > 4 else ""
    return f"{lengths[:4]}{more}"
