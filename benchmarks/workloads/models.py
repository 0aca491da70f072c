"""Models: one row per data set, with the model, the loss and the metric.

The builders import Keras when they are called, so reading this table costs nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.workloads.datasets import VOCABULARY, WORDS

ACCURACY = "accuracy"


def one_of_many() -> dict[str, Any]:
    """Make loss and metric of a model with one probability per class."""
    import keras

    return {
        "loss": keras.losses.SparseCategoricalCrossentropy(),
        "metrics": [keras.metrics.SparseCategoricalAccuracy(name=ACCURACY)],
    }


def yes_or_no() -> dict[str, Any]:
    """Make loss and metric of a model with one logit per example."""
    import keras

    return {
        "loss": keras.losses.BinaryCrossentropy(from_logits=True),
        "metrics": [keras.metrics.BinaryAccuracy(threshold=0.0, name=ACCURACY)],
    }


@dataclass(frozen=True)
class Row:
    """Model, data set, objective, and the length of training by default."""

    name: str
    """The flag of the command line, and the last part of every figure's name."""
    dataset: str
    """A name of `datasets.DATASETS`."""
    batch_size: int
    epochs: int
    build: Callable[[], Any]
    """Makes the Keras model, built and not compiled."""
    target: float
    """The accuracy on held-out data whose time is measured."""
    objective: Callable[[], dict[str, Any]] = one_of_many
    """Makes the arguments of `model.compile` besides the optimizer: loss and one metric."""


def digits() -> Any:
    """Build one hidden layer of 64 for 8x8 digits."""
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )


def mnist() -> Any:
    """Build the network of the TensorFlow and Keras quick start."""
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(10, activation="softmax"),
        ]
    )


def cifar() -> Any:
    """Build DeepOBS's 3c3d (Schneider et al. 2019), with its L2 penalty on the kernels.

    DeepOBS's penalty of 0.002 / 2 * sum(w**2) is L2(0.001) in Keras. The loss before training is
    about 3.6. The reported loss includes the penalty, as in DeepOBS.
    """
    import keras
    from keras import layers

    def penalty() -> Any:
        return keras.regularizers.L2(0.001)

    def convolution(filters: int, size: int, padding: str) -> Any:
        return layers.Conv2D(
            filters, size, padding=padding, activation="relu", kernel_regularizer=penalty()
        )

    def dense(units: int, activation: str) -> Any:
        return layers.Dense(units, activation=activation, kernel_regularizer=penalty())

    def pool() -> Any:
        return layers.MaxPooling2D(3, strides=2, padding="same")

    return keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            convolution(64, 5, "valid"),
            pool(),
            convolution(96, 3, "valid"),
            pool(),
            convolution(128, 3, "same"),
            pool(),
            layers.Flatten(),
            dense(512, "relu"),
            dense(256, "relu"),
            dense(10, "softmax"),
        ]
    )


def imdb() -> Any:
    """Build a small classifier of mean word vectors; the embedding's gradients are sparse."""
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((WORDS,), dtype="int32"),
            layers.Embedding(VOCABULARY, 32),
            layers.GlobalAveragePooling1D(),
            layers.Dense(16, activation="relu"),
            layers.Dense(1),
        ]
    )


ROWS = {
    row.name: row
    for row in (
        Row("digits", "digits", 32, 20, digits, target=0.95),
        Row("mnist", "mnist", 32, 5, mnist, target=0.97),
        Row("cifar", "cifar10", 128, 10, cifar, target=0.5),
        Row("imdb", "imdb_reviews", 128, 10, imdb, target=0.8, objective=yes_or_no),
    )
}
"""Every workload by its name; the first is the default."""
