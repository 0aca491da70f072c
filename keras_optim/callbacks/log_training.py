"""Logs of training with learning rate, gradient norm and update norm."""

from typing import Any

import keras
from keras import ops

from keras_optim.arguments import hyperparameters
from keras_optim.callbacks.access import between_batches, optimizer_of
from keras_optim.engine import norms


class LogTraining(keras.callbacks.Callback):
    """Logs of `learning_rate`, `gradient_norm` and `update_norm`.

    The `History`, the progress bar, `CSVLogger` and TensorBoard show them like all metrics, if they
    come after this callback. Watch them to choose a clipping norm, to see whether a rate is too
    high (norms that grow) or a layer is dead (norms of zero).

    The gradient norm is that over all variables, before any clipping. The update norm is the
    distance that all weights together moved, weight decay included. The compiled step measures
    both at little cost. The logs of an epoch have the means of both norms, and the rate of its last
    step. The model must be compiled with an optimizer of keras_optim.

    An optimizer that estimates its rate, such as `keras_optim.Prodigy`, has `estimated_rate`, too:
    the factor of `learning_rate` after the last step. If several do, the logs have one for each,
    such as `estimated_rate/Prodigy`.

    The rate has the name under which Keras's own callbacks log it. Under a wrapper, and in a
    `LossScaleOptimizer`, it is the rate of the innermost rule.

    Args:
        per_batch: Whether to log each batch too, and keep it in `batches`: a dict of lists, one
            number per batch. This is slower, because it waits for each step. Default `False`.
        per_layer: Whether to log both norms for each layer too, as `gradient_norm/dense_1` and
            `update_norm/dense_1`; a layer in a model inside the model is `inner/dense_1`. On
            PyTorch the optimizer then falls back to single operations, also afterwards. Default
            `False`.

    Raises:
        TypeError: an argument of the wrong type.
        ValueError: the model's optimizer is not one of keras_optim.

    Example:

    >>> import numpy as np, keras, keras_optim
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> model.compile(keras_optim.SGD(0.5), "mse")
    >>> log = keras_optim.callbacks.LogTraining(per_batch=True)
    >>> x = np.ones((8, 1))
    >>> history = model.fit(x, x, batch_size=4, epochs=3, callbacks=[log], verbose=0)
    >>> history.history["learning_rate"]
    [0.5, 0.5, 0.5]
    >>> len(history.history["gradient_norm"]), len(log.batches["update_norm"])
    (3, 6)
    >>> log = keras_optim.callbacks.LogTraining(per_layer=True)
    >>> history = model.fit(x, x, callbacks=[log], verbose=0).history
    >>> [name for name in history if "/" in name] == [
    ...     f"{norm}/{model.layers[0].name}" for norm in ("gradient_norm", "update_norm")]
    True
    """

    @hyperparameters.checked
    def __init__(self, per_batch: bool = False, per_layer: bool = False):
        super().__init__()
        self.per_batch = per_batch
        self.per_layer = per_layer
        self.batches: dict[str, list[float]] = {name: [] for name in norms.LAST}
        if per_batch:
            # Keras waits for each step if a callback has this method.
            self.on_train_batch_end = self._log_batch

    def set_model(self, model: keras.Model) -> None:
        """Begin to record, before Keras compiles the step."""
        super().set_model(model)
        if norms.start(optimizer_of(self), model if self.per_layer else None):
            model.train_function = None

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Restart the means."""
        norms.forget(optimizer_of(self))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Add the means over the epoch and the last rate to its logs."""
        optimizer = optimizer_of(self)
        if logs is not None and (means := norms.means(optimizer)):
            rate = norms.last(optimizer)["learning_rate"]
            logs.update({**means, "learning_rate": rate, **_estimates(optimizer)})

    def _log_batch(self, batch: int, logs: Any = None) -> None:
        between_batches(self.model)
        optimizer = optimizer_of(self)
        last = {**norms.last(optimizer), **_estimates(optimizer)}
        for name, value in last.items():
            self.batches.setdefault(name, []).append(value)
        if logs is not None:
            logs.update(last)


def _estimates(optimizer: Any) -> dict[str, float]:
    """Return the factors of the rate that rules estimate, by their names in the logs."""
    found = [(r, names[r.estimate]) for r, names in optimizer.state.owners if r.estimate]
    estimates: dict[str, float] = {}
    for rule, name in found:
        title = "estimated_rate" if len(found) == 1 else f"estimated_rate/{type(rule).__name__}"
        again = sum(known.startswith(title) for known in estimates)
        value = ops.convert_to_numpy(optimizer.state.shared[name])
        estimates[f"{title}_{again + 1}" if again else title] = float(value)
    return estimates
