"""Evaluation weights while a model is tested or saved, inside `fit` and outside."""

import contextlib
import functools
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import keras

from keras_optim.arguments import hyperparameters
from keras_optim.arguments.ranges import Period
from keras_optim.callbacks import batch_statistics
from keras_optim.callbacks.access import move_to_front, optimizer_of
from keras_optim.optimizer import Optimizer
from keras_optim.state import attached, evaluation_weights


class EvaluateAveraged(keras.callbacks.Callback):
    """Evaluation weights for validation, tests, predictions and files; training uses the others.

    For optimizers that keep evaluation weights, such as `EMA`, `SWA` and `ScheduleFreeAdamW`. A
    model that is compiled with one adds this callback by itself to each `fit`, `evaluate` and
    `predict` that lacks it. So give it only for a model with batch normalisation, with data.

    The model has the evaluation weights in validation inside `fit`, in `evaluate` and in `predict`.
    All callbacks see them at the end of an epoch. Then the training weights come back exactly. At
    the end of `fit` the evaluation weights stay, and the next `fit` continues from the training
    weights: two of two epochs are one of four.

    It may stand anywhere in the list of callbacks, because `fit` calls it first. `ModelCheckpoint`
    saves the weights that were validated, and `EarlyStopping(restore_best_weights=True)` restores
    them. Callbacks that look at single batches see the training weights, but `model.save` and
    `model.save_weights` save evaluation weights there too.

    A file also holds the training weights, in the optimizer's state. Training continues from them,
    as if nothing had interrupted it: after `load_model`, after `load_weights` and with
    `BackupAndRestore`. Everything else that loads the file sees the evaluation weights. Weights
    that are set meanwhile, by another callback at the end of an epoch or between two `fit`s, stay,
    and training continues from them.

    Args:
        data: Inputs of the training, or a part of them. The callback recomputes the statistics of
            batch normalisation from them each time it puts the evaluation weights into the model,
            see `update_batch_statistics`. The trained statistics come back with the weights.
            Default `None`: the statistics stay those of the training weights, which a warning says.
        batch_size: >= 1, for `data`. Default 32.
        steps: >= 1, the number of batches of `data` to read. Default `None`: all.

    Raises:
        TypeError: wrong arguments.
        ValueError: wrong arguments; or when it starts: the model's optimizer keeps no evaluation
            weights.

    Example:

    >>> import numpy as np, keras, keras_optim
    >>> layers = [keras.layers.Dense(2), keras.layers.BatchNormalization(), keras.layers.Dense(1)]
    >>> model = keras.Sequential([keras.Input((1,)), *layers])
    >>> model.compile(keras_optim.EMA(keras_optim.Adam()), "mse")
    >>> x = np.ones((8, 1))
    >>> averaged = keras_optim.callbacks.EvaluateAveraged(data=x)
    >>> history = model.fit(x, x, validation_data=(x, x), callbacks=[averaged], verbose=0)
    """

    @hyperparameters.checked
    def __init__(self, data: Any = None, batch_size: Period = 32, steps: Period | None = None):
        super().__init__()
        self.data = data
        self.batch_size = batch_size
        self.steps = steps
        self._fitting = False
        self._swapped_here = False
        self._bound: dict[str, Any] = {}

    # ---- in `fit`

    def set_model(self, model: keras.Model) -> None:
        """Keep `model`, and prepare to compute its batch statistics if the callback has data."""
        if self.model is not None:
            self._unbind()  # after a `fit` that an error ended
        super().set_model(model)
        self._fitting = False
        self._recorder = None if self.data is None else batch_statistics.Recorder(model)

    def on_train_begin(self, logs: Any = None) -> None:
        """Start from the training weights."""
        self._fitting = True
        move_to_front(self)
        self._train_on()
        self._warn_of_statistics()
        attached.bind(self.model)
        own = self.model.__dict__  # Keras's `__setattr__` would track the methods
        if not self._bound:
            self._bound = {name: own.get(name) for name in ("save", "save_weights")}
            for name in self._bound:
                own[name] = self._averaged(getattr(self.model, name))

    def on_train_end(self, logs: Any = None) -> None:
        """Leave the evaluation weights in the model."""
        self._test()  # Keras has done so, unless there was no epoch
        self._fitting = False
        self._unbind()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Put the training weights back before the epoch."""
        self._train_on()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Show the evaluation weights to all callbacks."""
        self._test()

    # ---- in `evaluate` and `predict`

    def on_test_begin(self, logs: Any = None) -> None:
        """Test with the evaluation weights."""
        self._swapped_here = not evaluation_weights.swapped(self._optimizer())
        self._test()

    def on_test_end(self, logs: Any = None) -> None:
        """Restore the model; in `fit` the next epoch does so."""
        if self._swapped_here and not self._fitting:
            self._train_on()

    def on_predict_begin(self, logs: Any = None) -> None:
        """Predict with the evaluation weights."""
        self.on_test_begin()

    def on_predict_end(self, logs: Any = None) -> None:
        """Restore the model."""
        self.on_test_end()

    # ---- parts

    def _test(self) -> None:
        """Put the evaluation weights into the model, with statistics for them."""
        optimizer = self._optimizer()
        evaluation_weights.swap_in(optimizer)
        if self._recorder is None or not optimizer.built:
            return
        kept, variables = optimizer.state.trained, batch_statistics.statistics(self.model)
        if variables and not batch_statistics.are_kept(kept):
            batch_statistics.keep(variables, kept)
            self._recorder.update(self.data, self.batch_size, self.steps)

    def _train_on(self) -> None:
        """Put the training weights back, with their statistics."""
        optimizer = self._optimizer()
        if optimizer._awaited and not optimizer.built:  # the state of a file holds them
            self.model.optimizer.build(self.model.trainable_variables)
        if evaluation_weights.swapped(optimizer):
            batch_statistics.put_back(
                batch_statistics.statistics(self.model), optimizer.state.trained
            )
        evaluation_weights.swap_out(optimizer)

    def _warn_of_statistics(self) -> None:
        """Warn, once for a model, that its batch statistics are not those of the weights tested."""
        own = self.model.__dict__
        if self.data is not None or own.get("_told_of_statistics"):
            return
        if any(layer.trainable for layer in batch_statistics.normalizers(self.model)):
            own["_told_of_statistics"] = True
            warnings.warn(
                f"{type(self._optimizer()).__name__}: the model is tested with evaluation weights, "
                "but its statistics of batch normalisation are those of the training weights, "
                "which costs accuracy. Give inputs of the training to recompute them: "
                "`fit(..., callbacks=[keras_optim.callbacks.EvaluateAveraged(data=x[:1000])])`.",
                stacklevel=2,
            )

    def _unbind(self) -> None:
        """Give the model the methods that it had before `fit`."""
        own = self.model.__dict__
        for name, method in self._bound.items():
            own.pop(name, None)
            if method is not None:
                own[name] = method
        self._bound = {}

    def _averaged(self, save: Callable[..., Any]) -> Callable[..., Any]:
        """Return a `save` that saves the evaluation weights at any time in `fit`."""

        @functools.wraps(save)
        def saving(*args: Any, **kwargs: Any) -> Any:
            with self._testing():
                return save(*args, **kwargs)

        return saving

    @contextlib.contextmanager
    def _testing(self) -> Iterator[None]:
        trained = not evaluation_weights.swapped(self._optimizer())
        self._test()
        try:
            yield
        finally:
            if trained:
                self._train_on()

    def _optimizer(self) -> Optimizer:
        optimizer = optimizer_of(self)
        if not optimizer.averaging:
            raise ValueError(
                "EvaluateAveraged: the optimizer must average its weights; wrap it in "
                f"`keras_optim.EMA` or `keras_optim.SWA`. Received: {type(optimizer).__name__}"
            )
        return optimizer


attached.Callback = EvaluateAveraged
