"""The three tasks: digits, reviews, and the next character of a text."""

import pydoc_data.topics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from benchmarks.workloads import datasets, models
from benchmarks.workloads.datasets import Part
from benchmarks.workloads.fetching import fetch

CONTEXT, WIDTH, HEADS, BLOCKS = 32, 32, 4, 2
CHARACTERS = 96
"""The printable characters of ASCII, and the end of a line."""


@dataclass(frozen=True)
class Task:
    """Data, model and budget."""

    name: str
    title: str
    batch_size: int
    steps: int
    """The length of every training."""
    period: int
    """Steps from one evaluation to the next."""
    build: Callable[[], Any]
    objective: Callable[[], Mapping[str, Any]]
    """Makes loss and metrics."""


def reader() -> Any:
    """Build a transformer that predicts each next character: 2 blocks of width 32."""
    tokens = keras.Input((CONTEXT,), dtype="int32")
    places = keras.ops.arange(CONTEXT)
    x = layers.Embedding(CHARACTERS, WIDTH)(tokens) + layers.Embedding(CONTEXT, WIDTH)(places)
    for _ in range(BLOCKS):
        y = layers.LayerNormalization()(x)
        x = x + layers.MultiHeadAttention(HEADS, WIDTH // HEADS)(y, y, use_causal_mask=True)
        y = layers.Dense(4 * WIDTH, activation="gelu")(layers.LayerNormalization()(x))
        x = x + layers.Dense(WIDTH)(y)
    return keras.Model(tokens, layers.Dense(CHARACTERS)(layers.LayerNormalization()(x)))


def next_character() -> dict[str, Any]:
    """Make the loss of one logit per character."""
    return {"loss": keras.losses.SparseCategoricalCrossentropy(from_logits=True)}


TASKS = {
    task.name: task
    for task in (
        Task("mnist", "MNIST, one hidden layer", 128, 500, 20, models.mnist, models.one_of_many),
        Task("imdb", "IMDB, mean of word vectors", 128, 300, 10, models.imdb, models.yes_or_no),
        Task("text", "a transformer on characters", 32, 600, 20, reader, next_character),
    )
}


def data(task: Task, folder: Path, data_dir: Path | None) -> tuple[Part, Part]:
    """Return the examples for training and for validation."""
    if task.name == "text":
        return _text()
    name = models.ROWS[task.name].dataset
    row = datasets.DATASETS[name]
    edition = datasets.edition_at_hand(row, data_dir, folder)
    if edition is None or not datasets.intact(edition, folder):
        edition = fetch([name], data_dir, folder)[name]
    parts = datasets.read(edition, folder)
    return parts.train, parts.validation


def _text() -> tuple[Part, Part]:
    """Cut the reference manual that comes with Python into pieces; every tenth is held out."""
    manual = pydoc_data.topics.topics
    text = "\n".join(manual[topic] for topic in sorted(manual))
    codes = np.frombuffer(text.encode("ascii", "ignore"), dtype="uint8").astype("int32")
    codes = codes[(codes == ord("\n")) | ((codes >= 32) & (codes < 127))]
    codes = np.where(codes == ord("\n"), CHARACTERS - 1, codes - 32)
    count = (len(codes) - 1) // CONTEXT
    x, y = (codes[k : k + count * CONTEXT].reshape(count, CONTEXT) for k in (0, 1))
    held = np.arange(count) % 10 == 0
    return Part(x[~held], y[~held]), Part(x[held], y[held])
