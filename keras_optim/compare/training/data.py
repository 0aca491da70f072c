"""Data of a workload: arrays in memory, or batches that come as they are."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from keras_optim.compare.process.errors import UsageError
from keras_optim.compare.workload import FULL, Workload
from keras_optim.formatting import shown

EVALUATION_BATCH = 1000
"""The most examples of one batch of an evaluation."""


@dataclass(frozen=True, eq=False)
class Arrays:
    """Examples in memory: `(x,)`, `(x, y)` or `(x, y, sample_weight)`, each a nest of arrays."""

    parts: tuple[Any, ...]

    @property
    def count(self) -> int:
        """The number of examples."""
        return len(keras.tree.flatten(self.parts)[0])

    def take(self, rows: Any) -> "Arrays":
        """Return some of the examples."""
        return Arrays(keras.tree.map_structure(lambda a: a[rows], self.parts))

    def batches(self, size: int) -> Iterator[tuple[Any, ...]]:
        """Yield all examples in their order; the last batch may be smaller."""
        for start in range(0, self.count, size):
            yield self.take(slice(start, start + size)).parts

    @property
    def evaluation_batch(self) -> int:
        """A batch size for which the batches are about equally large."""
        return -(-self.count // max(1, -(-self.count // EVALUATION_BATCH)))

    @property
    def content(self) -> str:
        """Hash of all values."""
        found = hashlib.sha256()
        for array in keras.tree.flatten(self.parts):
            found.update(f"{array.dtype} {array.shape}".encode())
            found.update(np.ascontiguousarray(array).data if array.size else b"")
        return found.hexdigest()[:12]


@dataclass(frozen=True, eq=False)
class Batches:
    """Source of batches: a `tf.data.Dataset`, a `PyDataset` or a `DataLoader`."""

    source: Any

    count = None

    def each(self) -> Iterator[tuple[Any, ...]]:
        """Yield the batches of one epoch, as NumPy arrays."""
        source = self.source
        if isinstance(source, keras.utils.PyDataset):
            size = source.num_batches
            if size is None:
                raise UsageError("data: a PyDataset without an end cannot be compared on")
            for k in range(size):
                yield _as_parts(source[k])
            source.on_epoch_end()
            return
        for batch in source:
            yield _as_parts(batch)

    @property
    def content(self) -> str:
        """Hash of kind, length and first batch, whose values count if they stay when read again."""
        length = len(self.source) if hasattr(self.source, "__len__") else None
        first, again = (Arrays(next(iter(self.each()))) for _ in range(2))
        forms = [(a.dtype.str, a.shape) for a in keras.tree.flatten(first.parts)]
        values = first.content if first.content == again.content else ""
        text = f"{type(self.source).__name__} {length} {forms} {values}"
        return hashlib.sha256(text.encode()).hexdigest()[:12]


Data = Arrays | Batches


@dataclass(frozen=True, eq=False)
class Parts:
    """The three parts of a workload's data, for one seed."""

    train: Data
    validation: Data
    test: Data | None


def parts(workload: Workload, seed: int = 0) -> Parts:
    """Return the data of a workload.

    The held-out share is the same for every seed: the first rows of a fixed permutation.

    Raises:
        UsageError: the data has none of the forms, or its arrays do not fit together.
    """
    train = _data("data", workload.data, seed)
    if isinstance(workload.validation, int | float):
        if not isinstance(train, Arrays):
            raise UsageError(
                "`validation` must be data, because only arrays can be split. "
                f"Received: validation={workload.validation}"
            )
        order = np.random.RandomState(0).permutation(train.count)
        held = int(train.count * workload.validation)
        if not 0 < held < train.count:
            raise UsageError(
                f"validation={workload.validation} of {train.count} examples leaves no example "
                "for training, or none to hold out"
            )
        validation: Data = train.take(order[:held])
        train = train.take(order[held:])
    else:
        validation = _data("validation", workload.validation, seed)
    test = None if workload.test is None else _data("test", workload.test, seed)
    for name, other in (("validation", validation), ("test", test)):
        if isinstance(train, Arrays) and isinstance(other, Arrays):
            _check_alike(name, other, train)
    return Parts(train, validation, test)


def _check_alike(name: str, found: Arrays, train: Arrays) -> None:
    """Raise an error unless two sets of examples have as many inputs and labels."""
    counts, wanted = ([len(keras.tree.flatten(p)) for p in v.parts[:2]] for v in (found, train))
    if counts != wanted:
        raise UsageError(
            f"`{name}` must have the form of the training data, whose inputs and labels are "
            f"{wanted} arrays. Received: {counts}"
        )


def batch_size(workload: Workload, train: Data) -> int | None:
    """Return the number of examples of a step; `None` if the data comes in batches."""
    if not isinstance(train, Arrays):
        return None
    return (
        train.count if workload.batch_size == FULL else min(int(workload.batch_size), train.count)
    )


def rows(count: int, size: int, seed: int, epoch: int) -> Any:
    """Return the rows of each step of an epoch; the last few examples of a shuffle are left out.

    They depend on the seed and the epoch alone, so all optimizers and backends see equal batches.

    >>> rows(5, 2, seed=1, epoch=0).shape
    (2, 2)
    """
    order = np.random.default_rng([seed, epoch]).permutation(count)
    steps = count // size
    return order[: steps * size].reshape(steps, size)


def _data(name: str, value: Any, seed: int) -> Data:
    if callable(value) and not hasattr(value, "__getitem__"):
        value = value(seed)
    if isinstance(value, tuple | list) and 1 <= len(value) <= 3:
        return _arrays(name, tuple(value))
    if hasattr(value, "shape") or isinstance(value, dict):
        return _arrays(name, (value,))
    if isinstance(value, Iterator):
        raise UsageError(
            f"`{name}` must be readable more than once; give a function of the seed that returns "
            f"it. Received: {name}={shown(value)}"
        )
    if isinstance(value, Iterable | keras.utils.PyDataset):
        return Batches(value)
    raise UsageError(
        f"`{name}` must be (x, y), (x, y, sample_weight), a tf.data.Dataset, a PyDataset, a "
        f"DataLoader, or a function of the seed that returns one. Received: {name}={shown(value)}"
    )


def _arrays(name: str, value: tuple[Any, ...]) -> Arrays:
    while value and value[-1] is None:
        value = value[:-1]
    found = _as_parts(value)
    counts = {len(a) if getattr(a, "ndim", 0) else -1 for a in keras.tree.flatten(found)}
    if len(counts) != 1 or min(counts) < 1:
        raise UsageError(
            f"`{name}` must have arrays with one row for each example. Received: numbers of rows "
            f"{sorted(counts)}"
        )
    return Arrays(found)


def _as_parts(value: Any) -> tuple[Any, ...]:
    """Turn a batch, or all data, into a tuple of nests of NumPy arrays, floats as float32."""
    values = tuple(value) if isinstance(value, tuple | list) else (value,)
    return tuple(keras.tree.map_structure(_array, keras.tree.lists_to_tuples(v)) for v in values)


def _array(value: Any) -> Any:
    if not isinstance(value, np.ndarray):
        value = _numpy(value)
    if value.dtype.kind == "f" and value.dtype != np.float32:
        return value.astype("float32")
    return value.astype("int32") if value.dtype == np.int64 else value


def _numpy(value: Any) -> Any:
    if hasattr(value, "detach"):
        value = value.detach().cpu()
    return np.asarray(value)
