"""Workload `imdb-bow`: logistic regression on words, as in the experiments of Adam's paper."""

from typing import Any

from benchmarks.workloads.datasets import BAG
from benchmarks.workloads.row import ACCURACY, Row, yes_or_no


def build() -> Any:
    """Build a logistic regression with dropout of one half on its inputs."""
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((BAG,), dtype="uint8"),
            layers.Rescaling(1.0),  # bytes to floats
            layers.Dropout(0.5),
            layers.Dense(1),
        ]
    )


ROW = Row(
    "imdb-bow",
    "IMDB reviews, logistic regression on a bag of 10,000 words",
    "imdb_bag",
    build,
    batch_size=128,
    epochs=10,
    objective=yes_or_no,
    target=(ACCURACY, 0.85),
)
