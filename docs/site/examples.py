"""Code of an optimizer's page: a model that is trained with it."""

import inspect

from docs.site.rows import title, wraps
from keras_optim.catalog import Row

TEMPLATE = """\
import keras
import numpy as np

import keras_optim

x = np.random.default_rng(0).normal(size=(256, 8)).astype("float32")
y = x[:, :1] * x[:, 1:2]

model = keras.Sequential(
    [
        keras.Input((8,)),
        keras.layers.Dense(16, activation="tanh", name="hidden"),
        keras.layers.Dense(1, name="head"),
    ]
)
{optimizer}
model.compile(optimizer=optimizer, loss="mse")
{before}model.fit(x, y, batch_size={batch}, epochs=3, verbose=0)
"""

WORDS = """\
import keras
import numpy as np

import keras_optim

x = np.random.default_rng(0).integers(0, 1000, size=(256, 12))
y = (x[:, :1] > 500).astype("float32")

model = keras.Sequential(
    [
        keras.Input((12,), dtype="int32"),
        keras.layers.Embedding(1000, 16),
        keras.layers.GlobalAveragePooling1D(),
        keras.layers.Dense(1, activation="sigmoid"),
    ]
)
{optimizer}
model.compile(optimizer=optimizer, loss="binary_crossentropy")
{before}model.fit(x, y, batch_size={batch}, epochs=3, verbose=0)
"""

CALLS = {
    "LazyRows": "optimizer = keras_optim.LazyRows(keras_optim.Adam(0.001))",
    "RateMultipliers": (
        'optimizer = keras_optim.RateMultipliers(keras_optim.Adam(0.001), {"^head/": 10.0})'
    ),
    "SWA": "optimizer = keras_optim.SWA(keras_optim.SGD(0.1, momentum=0.9), start_step=16)",
    "Route": (
        "optimizer = keras_optim.Route(\n"
        "    {\n"
        '        "^head/": keras_optim.SGD(0.01, momentum=0.9),\n'
        '        ".": keras_optim.AdamW(0.001, weight_decay=0.01),\n'
        "    }\n"
        ")"
    ),
}
"""Calls with arguments that have no default, or that need layers of some kind."""


def example(row: Row) -> str:
    """Return a block of code that compiles a model with an optimizer, and trains it."""
    needs_two_passes = row.algorithm.second != "none" or row.algorithm.sees_loss
    template = WORDS if title(row) == "LazyRows" else TEMPLATE
    return template.format(
        optimizer=call(row),
        before="keras_optim.two_pass(model)\n" if needs_two_passes else "",
        batch="len(x)" if row.algorithm.rate_at_start_only else 32,
    )


def call(row: Row) -> str:
    """Return the line that creates an optimizer, with its rate or the optimizer inside.

    >>> from keras_optim import catalog
    >>> call(catalog.find("adam"))
    'optimizer = keras_optim.Adam(learning_rate=0.001)'
    """
    name = title(row)
    if name in CALLS:
        return CALLS[name]
    if wraps(row):
        return f"optimizer = keras_optim.{name}(keras_optim.{inner(row)})"
    rate = inspect.signature(row.algorithm).parameters["learning_rate"].default
    return f"optimizer = keras_optim.{name}(learning_rate={rate})"


def inner(row: Row) -> str:
    """Return the optimizer inside of a wrapper's example."""
    if title(row) == "ScheduleFree":
        return "RMSprop(0.001)"
    return "SGD(0.1, momentum=0.9)" if "SAM" in title(row) else "AdamW(0.001)"
