"""Workload `mnist1d`: 40 numbers for each of ten shapes (Greydanus 2020), three convolutions.

The package `mnist1d` generates the data, so it needs no network.
"""

from typing import Any

from benchmarks.workloads.parts import Part
from benchmarks.workloads.row import ACCURACY, Row, Start, keras_start, one_of_many_logits


def data() -> tuple[Part, Part]:
    """Make the published 4,000 examples for training and 1,000 for the test (seed 42)."""
    import random

    import numpy as np
    from mnist1d.data import get_dataset_args, make_dataset

    states = random.getstate(), np.random.get_state()
    try:
        found = make_dataset(get_dataset_args())  # it seeds Python's and NumPy's generators
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
    parts = (("x", "y"), ("x_test", "y_test"))
    train, test = (Part(found[x].astype("float32"), found[y].astype("int32")) for x, y in parts)
    return train, test


def build(start: Start = keras_start) -> Any:
    """Build the paper's convolutional network of 5,210 weights, channels last."""
    import keras
    from keras import layers

    model = keras.Sequential([keras.Input((40,)), layers.Reshape((40, 1))])
    for size, fan_in in ((5, 5), (3, 75), (3, 75)):
        model.add(layers.ZeroPadding1D(1))
        model.add(layers.Conv1D(25, size, strides=2, activation="relu", **start(fan_in)))
    model.add(layers.Flatten())
    model.add(layers.Dense(10, **start(125)))
    return model


ROW = Row(
    "mnist1d",
    "MNIST-1D, three convolutions of 25 channels",
    data,
    build,
    batch_size=100,
    epochs=50,
    objective=one_of_many_logits,
    target=(ACCURACY, 0.9),
)
