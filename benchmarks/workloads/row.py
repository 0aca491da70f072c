"""Row of a workload, which each file of this package defines one of.

The builders import Keras when they are called, so reading the table of all rows costs nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.workloads import datasets
from benchmarks.workloads.parts import Part, Parts, held_out

Start = Callable[[int], Mapping[str, Any]]
"""Makes the initializers of a layer from its fan-in, for networks that `verify` starts as PyTorch
does."""

ACCURACY = "accuracy"
ERROR = "mean_absolute_error"


@dataclass(frozen=True)
class Row:
    """Data, model, objective, and the length of training by default."""

    name: str
    """The flag of the command line, and the last part of every figure's name."""
    summary: str
    """The data and the model, for a list."""
    data: str | Callable[[], tuple[Part, Part]]
    """A name of `datasets.DATASETS`, or a function that makes the training and the test part."""
    build: Callable[[], Any]
    """Makes the Keras model, built and not compiled."""
    batch_size: int
    epochs: int
    objective: Callable[[], dict[str, Any]]
    """Makes the arguments of `model.compile` besides the optimizer: loss and metrics."""
    target: tuple[str, float]
    """A metric on held-out data and its value: the time to reach it is measured, and it judges."""

    @property
    def dataset(self) -> datasets.Dataset | None:
        """The data set of tensorflow_datasets; `None` for data that a function makes."""
        return datasets.DATASETS[self.data] if isinstance(self.data, str) else None

    def parts(self, folder: Path, num_train: int | None = None) -> Parts:
        """Return the arrays, from the function or the cache of a results folder."""
        if callable(self.data):
            whole = self.data()
        else:
            found = datasets.available(datasets.DATASETS[self.data], None, folder, cached=True)
            assert found is not None, "the command fetches it first"
            whole = datasets.read(found, folder)
        return held_out(*whole, num_train)


def keras_start(fan_in: int) -> Mapping[str, Any]:
    """Leave Keras's own initializers."""
    return {}


def one_of_many() -> dict[str, Any]:
    """Make loss and metric of a model with one probability per class."""
    import keras

    return {
        "loss": keras.losses.SparseCategoricalCrossentropy(),
        "metrics": [keras.metrics.SparseCategoricalAccuracy(name=ACCURACY)],
    }


def one_of_many_logits() -> dict[str, Any]:
    """Make loss and metric of a model with one logit per class."""
    import keras

    return {
        "loss": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        "metrics": [keras.metrics.SparseCategoricalAccuracy(name=ACCURACY)],
    }


def yes_or_no() -> dict[str, Any]:
    """Make loss and metric of a model with one logit per example."""
    import keras

    return {
        "loss": keras.losses.BinaryCrossentropy(from_logits=True),
        "metrics": [keras.metrics.BinaryAccuracy(threshold=0.0, name=ACCURACY)],
    }


def number() -> dict[str, Any]:
    """Make loss and metric of a regression."""
    import keras

    return {
        "loss": keras.losses.MeanSquaredError(),
        "metrics": [keras.metrics.MeanAbsoluteError(name=ERROR)],
    }
