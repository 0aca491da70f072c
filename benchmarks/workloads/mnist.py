"""Workload `mnist`: the network of the TensorFlow and Keras quick start."""

from typing import Any

from benchmarks.workloads.row import ACCURACY, Row, one_of_many


def build() -> Any:
    """Build one hidden layer of 128 with dropout."""
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


ROW = Row(
    "mnist",
    "MNIST, one hidden layer of 128 with dropout",
    "mnist",
    build,
    batch_size=32,
    epochs=2,
    objective=one_of_many,
    target=(ACCURACY, 0.97),
)
