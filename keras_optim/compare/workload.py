"""Workload: a model, its data and its objective, as the user gives them."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import keras
import numpy as np

from keras_optim.compare.process.errors import UsageError
from keras_optim.formatting import shown

FULL = "full"
"""The batch size of batch descent: all examples in each step."""


@dataclass(frozen=True, eq=False)
class Workload:
    """A model to train, and all that belongs to it but the optimizer.

    Args:
        build_model: A function without arguments that returns a new `keras.Model`: functional,
            subclassed, with several inputs or outputs, or with a `train_step` of its own. If the
            model is compiled, its loss and metrics hold, and its optimizer is replaced.
        data: For training: `(x, y)` or `(x, y, sample_weight)`, arrays or nested structures of
            arrays, which are shuffled by the seed; or a `tf.data.Dataset`, a
            `keras.utils.PyDataset` or a PyTorch `DataLoader`, whose batches come as they are; or
            a function of the seed that returns one of these.
        validation: Held-out data, which tunes and tells the time to target: a share of the training
            arrays in (0, 1), or data in a form above. Default 0.1.
        test: Data that is used once, to judge. Default `None`: the held-out part judges too.
        loss: As for `compile`. Default `None`: the model is compiled, or adds losses itself.
        metrics: As for `compile`. Default none.
        judge: The name of the metric that chooses and ranks. Default: that of `target`, else the
            first metric, else the loss.
        higher: Whether a higher value of `judge` is better. Default: as Keras's metric says, or by
            its name.
        target: A metric on held-out data and its value, such as `("val_accuracy", 0.97)`: the time
            to reach it is measured. Default `None`.
        epochs: >= 1. Default 5.
        batch_size: >= 1, or `"full"` for all examples in each step. Default 32. Of data in batches
            it has no effect.
        name: In tables, figures and files. Default "model".

    Raises:
        UsageError: an argument is out of range.

    Example:

    >>> import keras, numpy as np
    >>> def build_model():
    ...     return keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    >>> workload = Workload(build_model, (np.ones((40, 3)), np.ones(40)), loss="mse", epochs=2)
    >>> workload.name, workload.judged
    ('model', 'loss')
    """

    build_model: Callable[[], Any]
    data: Any
    validation: Any = 0.1
    test: Any = None
    loss: Any = None
    metrics: Any = ()
    judge: str | None = None
    higher: bool | None = None
    target: tuple[str, float] | None = None
    epochs: int = 5
    batch_size: int | str = 32
    name: str = "model"
    variant_of: str | None = None
    compile_arguments: Mapping[str, Any] = field(default_factory=dict)
    """Further arguments of `compile`, such as `loss_weights`."""

    def __post_init__(self) -> None:
        """Check the arguments."""
        if not callable(self.build_model) or isinstance(self.build_model, keras.Model):
            raise _wrong("build_model", "a function that returns a new model", self.build_model)
        if not _whole(self.epochs):
            raise _wrong("epochs", "a whole number >= 1", self.epochs)
        if self.batch_size != FULL and not _whole(self.batch_size):
            raise _wrong("batch_size", f"a whole number >= 1, or {FULL!r}", self.batch_size)
        object.__setattr__(self, "epochs", int(self.epochs))  # files hold plain numbers
        if self.batch_size != FULL:
            object.__setattr__(self, "batch_size", int(self.batch_size))
        share = self.validation
        if share is None or (isinstance(share, int | float) and not 0 < share < 1):
            raise _wrong("validation", "a share in (0, 1), or data", share)
        if self.target is not None:
            self._check_target()

    def _check_target(self) -> None:
        target: Any = self.target
        pair = isinstance(target, Sequence) and len(target) == 2 and isinstance(target[0], str)
        if not (pair and isinstance(target[1], int | float) and math.isfinite(target[1])):
            raise _wrong("target", 'a metric and a number, such as ("val_accuracy", 0.97)', target)
        if not target[0].startswith("val_"):
            raise _wrong("target", "a metric on held-out data: its name begins with val_", target)
        if self.judge is not None and f"val_{self.judge}" != target[0]:
            raise UsageError(f"target: {target[0]} is not the value of judge={self.judge!r}")

    @property
    def judged(self) -> str | None:
        """The name of the metric that judges, as far as the arguments tell."""
        if self.judge is not None:
            return self.judge
        if self.target is not None:
            return self.target[0].removeprefix("val_")
        return None if self.metrics else "loss"

    def variants(self, batch_sizes: Sequence[int | str]) -> "list[Workload]":
        """Return one workload for each batch size; the name tells which."""
        return [
            replace(self, batch_size=size, name=f"{self.name}-batch-{size}", variant_of=self.name)
            for size in batch_sizes
        ]


def _whole(value: Any) -> bool:
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    return whole and 1 <= int(value) < 2**31


def _wrong(name: str, expected: str, received: Any) -> UsageError:
    return UsageError(f"`{name}` must be {expected}. Received: {name}={shown(received)}")
