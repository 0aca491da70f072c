"""Objective of a model: its loss, and the metrics and their direction."""

from collections.abc import Iterator
from typing import Any

import keras

from keras_optim.compare.process.errors import UsageError

_UP = ("acc", "auc", "precision", "recall", "f1", "fbeta", "r2", "iou", "similarity", "dice")
_DOWN = ("loss", "error", "mae", "mse", "mape", "msle", "rmse", "entropy", "divergence", "perplex")
_RESERVED = {"gradient_norm", "learning_rate", "seconds", "step", "update_norm"}
"""Names of measures of a run."""


def check_names(names: list[str]) -> None:
    """Raise an error if a metric has the name of another measure."""
    if reserved := sorted(_RESERVED.intersection(names)):
        raise UsageError(f"metrics: {', '.join(reserved)} has a meaning here; give another name")


def check_loss(model: Any) -> None:
    """Raise an error if a compiled model has nothing to minimize."""
    kind = type(model)
    own = any(
        getattr(kind, name) is not getattr(keras.Model, name)
        for name in ("train_step", "compute_loss")
    )
    if own or model.loss is not None or model.losses or any(map(_may_add, _layers(model))):
        return
    raise UsageError("`loss` is missing, and the model is not compiled with one")


def _may_add(layer: Any) -> bool:
    """Tell whether a layer may add losses when it is called."""
    foreign = type(layer).__module__.partition(".")[0] != "keras"
    return foreign or getattr(layer, "activity_regularizer", None) is not None


def _layers(model: Any) -> Iterator[Any]:
    yield model
    for layer in getattr(model, "layers", ()):
        yield from _layers(layer)


def compiled_names(model: Any) -> list[str]:
    """Return the names of the metrics that a model is compiled with, in their order.

    Raises:
        UsageError: one is called as the loss is.
    """
    names = [name for one in model.metrics if hasattr(one, "metrics") for name in one.result()]
    if "loss" in names:
        raise UsageError("metrics: loss has a meaning here; give another name")
    return names


def higher_is_better(name: str, model: Any) -> bool | None:
    """Tell whether a higher value of a metric is better; `None` if nothing tells."""
    for metric in [m for one in model.metrics for m in getattr(one, "metrics", ())]:
        direction = getattr(metric, "_direction", None)
        if direction in ("up", "down") and (
            name == metric.name or name.endswith(f"_{metric.name}")
        ):
            return bool(direction == "up")
    lower = name.lower()
    if any(word in lower for word in _DOWN):
        return False
    return True if any(word in lower for word in _UP) else None
