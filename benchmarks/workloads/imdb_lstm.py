"""Workload `imdb-lstm`: the bidirectional LSTM of keras.io's example."""

from typing import Any

from benchmarks.workloads.datasets import VOCABULARY, WORDS
from benchmarks.workloads.row import ACCURACY, Row, yes_or_no


def build() -> Any:
    """Build word vectors of width 128 and two bidirectional LSTMs of 64."""
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((WORDS,), dtype="int32"),
            layers.Embedding(VOCABULARY, 128),
            layers.Bidirectional(layers.LSTM(64, return_sequences=True)),
            layers.Bidirectional(layers.LSTM(64)),
            layers.Dense(1),
        ]
    )


ROW = Row(
    "imdb-lstm",
    "IMDB reviews, two bidirectional LSTMs of 64 (keras.io's example)",
    "imdb_reviews",
    build,
    batch_size=32,
    epochs=2,
    objective=yes_or_no,
    target=(ACCURACY, 0.8),
)
