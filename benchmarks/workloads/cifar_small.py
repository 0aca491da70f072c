"""Workload `cifar-small`: CIFAR-10 and a network that a laptop trains in seconds."""

from typing import Any

from benchmarks.workloads.row import ACCURACY, Row, one_of_many


def build() -> Any:
    """Build three convolutions with stride 2, batch normalisation, and the mean over places."""
    import keras
    from keras import layers

    def block(filters: int) -> list[Any]:
        return [
            layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False),
            layers.BatchNormalization(momentum=0.9),
            layers.ReLU(),
        ]

    return keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            *block(16),
            *block(32),
            *block(64),
            layers.GlobalAveragePooling2D(),
            layers.Dense(10, activation="softmax"),
        ]
    )


ROW = Row(
    "cifar-small",
    "CIFAR-10, three convolutions with batch normalisation",
    "cifar10",
    build,
    batch_size=128,
    epochs=5,
    objective=one_of_many,
    target=(ACCURACY, 0.4),
)
