"""Evaluation weights in a training loop of one's own."""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras

from keras_optim.callbacks import batch_statistics
from keras_optim.callbacks.access import inside_loss_scale
from keras_optim.formatting import shown
from keras_optim.optimizer import Optimizer
from keras_optim.state import evaluation_weights as weights


@contextlib.contextmanager
def evaluation_weights(of: Any) -> Iterator[None]:
    """Put the evaluation weights into a model, for the length of a `with` statement.

    For a training loop of your own with `ScheduleFreeAdamW`, `EMA` and other optimizers whose
    evaluation weights differ from the training weights. Test and save the model inside; afterwards
    the training weights are back, to the bit. (Keras's `fit`, `evaluate`, `predict` and `save` do
    so by themselves.)

    With a model, statistics of batch normalisation come back as well. So inside you may call
    `keras_optim.callbacks.update_batch_statistics(model, data)`, which such a model needs.

    Args:
        of: An optimizer of keras_optim, or a model compiled with one. If it keeps no evaluation
            weights, nothing happens.

    Raises:
        ValueError: something else.

    Example:

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([1.0])
    >>> optimizer = keras_optim.SWA(keras_optim.SGD(1.0), start_step=1)
    >>> for _ in range(2):
    ...     optimizer.apply([np.array([1.0], "float32")], [x])
    >>> with keras_optim.evaluation_weights(optimizer):
    ...     print(x.numpy())
    [-0.5]
    >>> print(x.numpy())
    [-1.]
    """
    model = of if isinstance(of, keras.Model) else None
    optimizer = inside_loss_scale(of if model is None else getattr(of, "optimizer", None))
    if not isinstance(optimizer, Optimizer):
        raise ValueError(
            "evaluation_weights: `of` must be an optimizer of keras_optim, or a model compiled "
            f"with one. Received: of={shown(of)}"
        )
    variables = batch_statistics.statistics(model) if model is not None else []
    kept: dict[str, Any] = {}
    batch_statistics.keep(variables, kept)
    before = weights.swapped(optimizer)
    with weights.using(optimizer):
        yield
    if not before:
        batch_statistics.put_back(variables, kept)
