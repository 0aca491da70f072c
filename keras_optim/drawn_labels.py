"""Labels drawn from a model's own predictions, for estimates of its curvature.

A loss is the negative logarithm of a likelihood: cross-entropies of a categorical or a Bernoulli
distribution, the squared error of a normal one. Drawn from it, the labels have the gradients whose
squares estimate the Gauss-Newton matrix.
"""

import math
from typing import Any

import keras
from keras import ops

from keras_optim.engine.seeds import SeedOfStep
from keras_optim.formatting import shown

Tensor = Any
_KINDS = {
    "sparse_categorical_crossentropy": "sparse",
    "categorical_crossentropy": "one_hot",
    "binary_crossentropy": "binary",
    "mean_squared_error": "normal",
}


def drawn_labels(predicted: Tensor, loss: Any, seed: tuple[int, Tensor]) -> tuple[Tensor, Tensor]:
    """Draw labels for one output of a model; return them, and their number.

    Args:
        predicted: The predictions of the model for a batch.
        loss: Its loss, as `compile` takes it: a name, a function or a `keras.losses.Loss`.
        seed: A number and the step.

    Raises:
        ValueError: the loss is no cross-entropy and no mean squared error, or there are several.

    Example:

    >>> labels, number = drawn_labels(ops.array([[0.0, 1.0], [1.0, 0.0]]),
    ...                               "sparse_categorical_crossentropy", (0, ops.array(1)))
    >>> ops.convert_to_numpy(labels).tolist(), int(number)
    ([1, 0], 2)
    """
    kind, logits = _kind(predicted, loss)
    predicted = ops.cast(ops.stop_gradient(predicted), "float32")
    source = SeedOfStep(*seed)
    if kind == "normal":
        noise = keras.random.normal(ops.shape(predicted), seed=source)
        return predicted + math.sqrt(0.5) * noise, ops.size(predicted)
    if kind == "binary":
        chance = ops.sigmoid(predicted) if logits else predicted
        drawn = keras.random.uniform(ops.shape(predicted), seed=source) < chance
        return ops.cast(drawn, "float32"), ops.size(predicted)
    classes = predicted.shape[-1]
    rows = ops.reshape(predicted, (-1, classes))
    rows = rows if logits else ops.log(rows + 1e-30)
    drawn = keras.random.categorical(rows, 1, seed=source)
    drawn = ops.reshape(drawn, ops.shape(predicted)[:-1])
    number = ops.size(drawn)
    return (drawn if kind == "sparse" else ops.one_hot(drawn, classes)), number


def _kind(predicted: Any, loss: Any) -> tuple[str, bool]:
    """Return the distribution that a loss stands for, and whether the model predicts logits."""
    one = not isinstance(loss, list | tuple | dict) and ops.is_tensor(predicted)
    known = keras.losses.get(loss) if one and loss is not None else None
    name = getattr(known, "name", None) or getattr(known, "__name__", "")
    if name not in _KINDS:
        raise ValueError(
            "two_pass: labels can be drawn for one output and one loss of "
            f"{', '.join(_KINDS)}. For others, take keras_optim.SophiaH or keras_optim.AdaHessian. "
            f"Received: loss={shown(loss)}"
        )
    config = known.get_config() if isinstance(known, keras.losses.Loss) else {}
    return _KINDS[name], bool(config.get("from_logits", False))
