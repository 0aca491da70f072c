"""Workload `mnist-cnn`: the network of keras.io's first convolutional example."""

from typing import Any

from benchmarks.workloads.row import ACCURACY, Row, one_of_many


def build() -> Any:
    """Build two convolutions of 32 and 64, each pooled, with dropout of one half."""
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )


ROW = Row(
    "mnist-cnn",
    "MNIST, two convolutions (keras.io's example)",
    "mnist",
    build,
    batch_size=128,
    epochs=15,
    objective=one_of_many,
    target=(ACCURACY, 0.985),
)
