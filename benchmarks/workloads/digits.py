"""Workload `digits`: scikit-learn's 8x8 digits, one hidden layer. The default; needs no network."""

from typing import Any

from benchmarks.workloads.parts import Part, cut
from benchmarks.workloads.row import ACCURACY, Row, one_of_many

TEST = 360


def data() -> tuple[Part, Part]:
    """Load 1,797 digits with pixels from 0 to 16, as float32 in [0, 1]."""
    import numpy as np
    from sklearn.datasets import load_digits

    found = load_digits()
    x = found.images[..., None].astype("float32") / np.float32(16)
    return cut(x, found.target.astype("int32"), TEST)


def build() -> Any:
    """Build one hidden layer of 64."""
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


ROW = Row(
    "digits",
    "scikit-learn's handwritten digits, one hidden layer of 64",
    data,
    build,
    batch_size=32,
    epochs=20,
    objective=one_of_many,
    target=(ACCURACY, 0.95),
)
