"""Workload `mnist1d-mlp`: the same data as `mnist1d`, two hidden layers, which overfit."""

from typing import Any

from benchmarks.workloads.mnist1d import data
from benchmarks.workloads.row import ACCURACY, Row, Start, keras_start, one_of_many_logits


def build(start: Start = keras_start) -> Any:
    """Build the paper's network of 15,210 weights."""
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((40,)),
            layers.Dense(100, activation="relu", **start(40)),
            layers.Dense(100, activation="relu", **start(100)),
            layers.Dense(10, **start(100)),
        ]
    )


ROW = Row(
    "mnist1d-mlp",
    "MNIST-1D, two hidden layers of 100",
    data,
    build,
    batch_size=100,
    epochs=50,
    objective=one_of_many_logits,
    target=(ACCURACY, 0.6),
)
