"""Workload `mnist-mlp`: two hidden layers of 1000 units, as in the experiments of Adam's paper."""

from typing import Any

from benchmarks.workloads.row import ACCURACY, Row, one_of_many


def build() -> Any:
    """Build two hidden layers of 1000 (Kingma & Ba 2014, section 6.2, without dropout)."""
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Flatten(),
            layers.Dense(1000, activation="relu"),
            layers.Dense(1000, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )


ROW = Row(
    "mnist-mlp",
    "MNIST, two hidden layers of 1000",
    "mnist",
    build,
    batch_size=128,
    epochs=5,
    objective=one_of_many,
    target=(ACCURACY, 0.98),
)
