"""The loss of a Keras model over a whole data set, in chunks that add up to it exactly."""

from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops, tree

from keras_optim.minimizing.objective import Loss

MEANS = ("sum_over_batch_size", "mean")


def model_loss(
    model: Any,
    data: Any,
    loss: Any = None,
    batch_size: int | None = None,
    variables: Sequence[Any] | None = None,
) -> Loss:
    """The loss of `model` over all of `data`, as a function of its trainable weights.

    It is what `model.evaluate` reports as the loss: the compiled loss (or `loss`) plus everything
    in `model.losses`, with `training=False`. The loss of a chunk counts by its share of the
    samples, so the sum is the mean over all of them; a regularizer, part of each, counts once.

    Args:
        model: A Keras model.
        data: `(x, y)` or `(x, y, sample_weight)`: arrays, or nested structures of arrays.
        loss: A Keras loss, its name or a function; default: the compiled one.
        batch_size: Samples in a chunk, or `None`: all at once, kept on the device.
        variables: Some of the model's weights, or `None`: all that are trainable.

    Raises:
        TypeError: `data` is no such tuple.
        ValueError: no loss, arrays of different lengths, or a loss that does not split in chunks.
    """
    x, y, weights = _unpack(data)
    samples = _count_samples({"x": x, "y": y, "sample_weight": weights})
    size = min(batch_size or samples, samples)
    losing = _losing(model, loss, y)

    def function(x: Any, y: Any, weights: Any) -> Any:
        predicted = model(x, training=False)
        total = losing.compute_loss(x, y, predicted, weights, training=False)
        if losing is not model:
            for extra in model.losses:
                total = total + ops.cast(extra, total.dtype)
        return total

    def part(start: int) -> tuple[float, tuple[Any, ...]]:
        stop = min(start + size, samples)
        arguments = tree.map_structure(
            lambda array: None if array is None else ops.convert_to_tensor(array[start:stop]),
            (x, y, weights),
        )
        return (stop - start) / samples, arguments

    def parts() -> Iterable[tuple[float, tuple[Any, ...]]]:
        return map(part, range(0, samples, size))

    # One sample, not compiled: builds model and loss, and shows what is wrong with either.
    first = tree.map_structure(lambda a: None if a is None else a[:1], part(0)[1])
    function(*first)
    if size < samples:
        _check_splits(losing, model(first[0], training=False), weights)
        chunks = parts
    else:
        whole = [part(0)]

        def chunks() -> Iterable[tuple[float, tuple[Any, ...]]]:
            return whole

    changed = list(model.trainable_variables if variables is None else variables)
    known = {id(v) for v in changed}
    if variables is not None and not known <= {id(v) for v in model.variables}:
        raise ValueError("minimize: `variables` must be variables of the model.")
    return Loss(
        function,
        changed,
        others=[v for v in (*model.variables, *losing.metrics_variables) if id(v) not in known],
        parts=chunks,
        # Keras 3.15 computes float64 layers in single precision on JAX and PyTorch, and says so.
        precision=keras.backend.result_type(*{v.dtype for v in changed}),
    )


def _losing(model: Any, loss: Any, y: Any) -> Any:
    """Whose `compute_loss` to use: the model's, or that of an empty one compiled with `loss`."""
    custom = type(model).compute_loss is not keras.Model.compute_loss
    if loss is None and not custom and not (model.compiled and getattr(model, "loss", None)):
        raise ValueError(
            "minimize: no loss. Compile the model with one, or pass it: "
            "keras_optim.minimize(model, data, loss='mse')."
        )
    if y is None and not (custom and loss is None):
        raise ValueError("minimize: no targets. `data` must be (x, y) or (x, y, sample_weight).")
    if loss is None:
        return model
    shell = keras.Sequential()
    shell.compile(optimizer=None, loss=loss)
    return shell


def _unpack(data: Any) -> tuple[Any, Any, Any]:
    if not isinstance(data, tuple | list) or not 1 <= len(data) <= 3:
        raise TypeError(
            "minimize: `data` must be (x, y) or (x, y, sample_weight), all of the data as arrays. "
            f"Received: {type(data).__name__}"
        )
    arrays = tree.map_structure(_array, tuple(data))
    return (*arrays, None, None)[:3]


def _array(leaf: Any) -> Any:
    """A NumPy array; floats in Keras's default precision, as `fit` has them."""
    if leaf is None:
        return None
    array = ops.convert_to_numpy(leaf) if ops.is_tensor(leaf) else np.asarray(leaf)
    return array.astype(keras.config.floatx()) if array.dtype.kind == "f" else array


def _count_samples(named: dict[str, Any]) -> int:
    lengths = {
        name: [len(a) if a.ndim else 0 for a in tree.flatten(arrays) if a is not None]
        for name, arrays in named.items()
    }
    found = {length for group in lengths.values() for length in group}
    if len(found) != 1 or 0 in found:
        listed = ", ".join(f"{name}: {group}" for name, group in lengths.items() if group)
        raise ValueError(
            "minimize: all arrays in `data` must hold the same number of samples, at least one. "
            f"Received: {listed}"
        )
    return found.pop()


def _check_splits(losing: Any, outputs: Any, weights: Any) -> None:
    """Refuse a loss whose mean over all samples is not the mean over chunks."""
    for part in tree.flatten(losing.loss):
        reduction = getattr(part, "reduction", "mean")
        weighted = reduction == "mean_with_sample_weight"
        if reduction not in MEANS and not (weighted and weights is None):
            raise ValueError(
                f"minimize: a loss with reduction={reduction!r} cannot be split exactly. Pass "
                "batch_size=None, or use reduction='sum_over_batch_size'."
            )
    if any(getattr(output, "_keras_mask", None) is not None for output in tree.flatten(outputs)):
        raise ValueError(
            "minimize: the model's output is masked: each chunk would be divided by its own "
            "number of unmasked steps. Pass batch_size=None."
        )
