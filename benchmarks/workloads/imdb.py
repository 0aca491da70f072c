"""Workload `imdb`: IMDB reviews by their mean word vector; the embedding's gradients are sparse."""

from typing import Any

from benchmarks.workloads.datasets import VOCABULARY, WORDS
from benchmarks.workloads.row import ACCURACY, Row, yes_or_no


def build() -> Any:
    """Build mean word vectors of width 32 and a hidden layer of 16."""
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


ROW = Row(
    "imdb",
    "IMDB reviews, mean of word vectors",
    "imdb_reviews",
    build,
    batch_size=128,
    epochs=5,
    objective=yes_or_no,
    target=(ACCURACY, 0.8),
)
