"""Testing and saving with averaged weights, inside `fit` and outside."""

from typing import Any

import keras

from keras_optim import swapping
from keras_optim.base import Optimizer
from keras_optim.callbacks.access import optimizer_of


class EvaluateAveraged(keras.callbacks.Callback):
    """Validate, test, predict and save with the averaged weights, train on with the others.

    For optimizers that keep other weights to test with: `EMA`, `SWA`. Around validation inside
    `fit`, and around `evaluate` and `predict` that get this callback, the averaged weights take the
    place of the weights, and these come back exactly. At the end of each epoch they take their
    place until the next one begins: callbacks after this one, such as `ModelCheckpoint` and
    `EarlyStopping(restore_best_weights=True)`, see and save the averaged weights, together with an
    optimizer's state that fits them. Callbacks that act on single batches see the weights that are
    trained. At the end of `fit` the averaged weights stay in the model, with this callback or
    without.

    Raises:
        ValueError: when it starts, the model's optimizer does not average.

    Example:

    >>> import numpy as np, keras, keras_optim
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> model.compile(keras_optim.EMA(keras_optim.Adam()), "mse")
    >>> x = np.ones((8, 1))
    >>> averaged = keras_optim.callbacks.EvaluateAveraged()
    >>> history = model.fit(x, x, validation_data=(x, x), callbacks=[averaged], verbose=0)
    """

    def __init__(self) -> None:
        super().__init__()
        self._swapped_here = False

    def on_train_begin(self, logs: Any = None) -> None:
        """Start from the weights that are trained."""
        swapping.swap_out(self._averaging())

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Train on."""
        swapping.swap_out(self._averaging())

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """For the callbacks after this one."""
        swapping.swap_in(self._averaging())

    def on_test_begin(self, logs: Any = None) -> None:
        """Test with the averaged weights."""
        optimizer = self._averaging()
        self._swapped_here = not swapping.swapped(optimizer)
        swapping.swap_in(optimizer)

    def on_test_end(self, logs: Any = None) -> None:
        """Leave the model as it was."""
        if self._swapped_here:
            swapping.swap_out(self._averaging())

    def on_predict_begin(self, logs: Any = None) -> None:
        """Predict with the averaged weights."""
        self.on_test_begin()

    def on_predict_end(self, logs: Any = None) -> None:
        """Leave the model as it was."""
        self.on_test_end()

    def _averaging(self) -> Optimizer:
        optimizer = optimizer_of(self)
        if not optimizer.averaging:
            raise ValueError(
                "EvaluateAveraged: the optimizer must average its weights; wrap it in "
                f"`keras_optim.EMA` or `keras_optim.SWA`. Received: {type(optimizer).__name__}"
            )
        return optimizer
