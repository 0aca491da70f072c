"""Loss of a Keras model over a whole data set, in chunks that add up to it exactly."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops, tree

from keras_optim import keras_private
from keras_optim.full_batch.data import Samples, fixed_batch_size
from keras_optim.full_batch.objective import Loss

MEANS = ("sum_over_batch_size", "mean")


def model_loss(
    model: Any,
    data: Any,
    loss: Any = None,
    batch_size: int | None = None,
    variables: Sequence[Any] | None = None,
) -> Loss:
    """Return the loss of `model` over all of `data`, as a function of its trainable weights.

    It is the loss that `model.evaluate` reports: the compiled loss (or `loss`) plus everything in
    `model.losses`, with `training=False`. The loss of a chunk counts by its share of the samples.
    So the sum is the mean over all samples, and a regularizer, which is part of each, counts once.
    A model of a fixed batch size sees chunks of that size; samples of weight 0 fill up the last.

    Args:
        model: A Keras model.
        data: `(x, y)` or `(x, y, sample_weight)`: arrays, or nested structures of arrays.
        loss: A Keras loss, its name or a function; default: the compiled one.
        batch_size: Samples in a chunk, or `None`: all at once, kept on the device.
        variables: Some of the model's weights, or `None`: all that are trainable.

    Raises:
        TypeError: `data` is no such tuple.
        ValueError: no loss, arrays of different lengths, a loss that does not split in chunks, or
            a model that remembers the last batch.
    """
    samples = Samples.of(data, batch_size, fixed_batch_size(model))
    losing = _losing(model, loss, samples.arrays[1])
    _check_stateless(model)

    def function(x: Any, y: Any, weights: Any) -> Any:
        predicted = model(x, training=False)
        total = losing.compute_loss(x, y, predicted, weights, training=False)
        if losing is not model:
            for extra in model.losses:
                total = total + ops.cast(extra, total.dtype)
        return total

    # Build model and loss, and show errors early: uncompiled, with one sample if possible.
    first = next(iter(samples.parts(ops.convert_to_tensor)))[1]
    if not samples.fixed:
        first = tree.map_structure(lambda a: None if a is None else a[:1], first)
    function(*first)
    if samples.size < samples.count or samples.filled:
        weighted = samples.filled or samples.arrays[2] is not None
        _check_splits(losing, model(first[0], training=False), weighted)
    if samples.filled:
        _check_fills(model, losing, samples)
    whole = None if batch_size else list(samples.parts(ops.convert_to_tensor))

    changed = list(model.trainable_variables if variables is None else variables)
    known = {id(v) for v in changed}
    if not known <= {id(v) for v in model.variables}:
        raise ValueError("minimize: `variables` must be variables of the model.")
    return Loss(
        function,
        changed,
        others=[v for v in (*model.variables, *losing.metrics_variables) if id(v) not in known],
        parts=lambda: whole or samples.parts(ops.convert_to_tensor),
        # Keras 3.15 computes float64 layers in single precision on JAX and PyTorch, and says so.
        precision=keras.backend.result_type(*{v.dtype for v in changed}),
    )


def _losing(model: Any, loss: Any, y: Any) -> Any:
    """Return the model whose `compute_loss` to use: this, or an empty one compiled with `loss`."""
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


def _check_splits(losing: Any, outputs: Any, weighted: bool) -> None:
    """Refuse a loss whose mean over all samples is not the mean over chunks."""
    for part in tree.flatten(losing.loss):
        reduction = getattr(part, "reduction", "mean")
        unweighted = reduction == "mean_with_sample_weight" and not weighted
        if not (reduction in MEANS or unweighted):
            raise ValueError(
                f"minimize: a loss with reduction={reduction!r} cannot be split exactly. Pass "
                "batch_size=None, or use reduction='sum_over_batch_size'."
            )
    if any(keras_private.mask(output) is not None for output in tree.flatten(outputs)):
        raise ValueError(
            "minimize: the model's output is masked: each chunk would be divided by its own "
            "number of unmasked steps. Pass batch_size=None."
        )


def _check_stateless(model: Any) -> None:
    """Refuse a model whose loss depends on earlier calls: a line search needs one function."""
    for layer in model._flatten_layers():
        if getattr(layer, "stateful", False) is True:
            raise ValueError(
                f"minimize: the layer {layer.name!r} is stateful: its output depends on the batch "
                "before. Make it with stateful=False."
            )


def _check_fills(model: Any, losing: Any, samples: Samples) -> None:
    """Refuse losses that count samples of weight 0; `model.losses` must be of the last call."""
    weights = [v for v in model.trainable_variables if getattr(v, "regularizer", None)]
    custom = losing is model and type(model).compute_loss is not keras.Model.compute_loss
    if custom or len(model.losses) > len(weights):
        raise ValueError(
            f"minimize: the model takes batches of {samples.size} samples only, and a loss of its "
            "own (`compute_loss`, `add_loss` or an activity regularizer) would count the samples "
            "that fill up the last one. "
            f"Pass a multiple of {samples.size} samples. Received: {samples.count}"
        )
