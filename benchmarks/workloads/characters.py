"""Workload `characters`: a small transformer predicts each next character of Python's manual.

The text comes with Python (`pydoc_data.topics`), so it needs no network; another version of Python
has another text, and then the results are others as well.
"""

from typing import Any

from benchmarks.workloads.parts import Part
from benchmarks.workloads.row import Row, one_of_many_logits

CONTEXT, WIDTH, HEADS, BLOCKS = 32, 32, 4, 2
CHARACTERS = 96
"""The printable characters of ASCII, and the end of a line."""


def data() -> tuple[Part, Part]:
    """Cut the manual into pieces of 32 characters; every tenth is for the test."""
    import pydoc_data.topics

    import numpy as np

    manual = pydoc_data.topics.topics
    text = "\n".join(manual[topic] for topic in sorted(manual))
    codes = np.frombuffer(text.encode("ascii", "ignore"), dtype="uint8").astype("int32")
    codes = codes[(codes == ord("\n")) | ((codes >= 32) & (codes < 127))]
    codes = np.where(codes == ord("\n"), CHARACTERS - 1, codes - 32)
    count = (len(codes) - 1) // CONTEXT
    x, y = (codes[k : k + count * CONTEXT].reshape(count, CONTEXT) for k in (0, 1))
    tenth = np.arange(count) % 10 == 0
    return Part(x[~tenth], y[~tenth]), Part(x[tenth], y[tenth])


def build() -> Any:
    """Build a transformer of 2 blocks of width 32."""
    import keras
    from keras import layers

    tokens = keras.Input((CONTEXT,), dtype="int32")
    places = keras.ops.cumsum(keras.ops.ones_like(tokens), axis=-1) - 1  # an array would be frozen
    x = layers.Embedding(CHARACTERS, WIDTH)(tokens) + layers.Embedding(CONTEXT, WIDTH)(places)
    for _ in range(BLOCKS):
        y = layers.LayerNormalization()(x)
        x = x + layers.MultiHeadAttention(HEADS, WIDTH // HEADS)(y, y, use_causal_mask=True)
        y = layers.Dense(4 * WIDTH, activation="gelu")(layers.LayerNormalization()(x))
        x = x + layers.Dense(WIDTH)(y)
    return keras.Model(tokens, layers.Dense(CHARACTERS)(layers.LayerNormalization()(x)))


ROW = Row(
    "characters",
    "the next character of Python's manual, a transformer of 2 blocks of width 32",
    data,
    build,
    batch_size=32,
    epochs=2,
    objective=one_of_many_logits,
    target=("loss", 2.0),
)
