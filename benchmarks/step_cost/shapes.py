"""Shapes of weights with fixed random values, and small networks, for timed steps."""

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

Shapes = list[tuple[int, ...]]


def _resnet20() -> Shapes:
    shapes: Shapes = [(3, 3, 3, 16), *[(3, 3, 16, 16)] * 6]
    for narrow, wide in ((16, 32), (32, 64)):
        shapes += [(3, 3, narrow, wide), *[(3, 3, wide, wide)] * 5]
    return [*shapes, *[(16,)] * 14, *[(32,)] * 12, *[(64,)] * 14, (64, 10), (10,)]


def _transformer() -> Shapes:
    layer: Shapes = [*[(256, 256)] * 4, (256, 1024), (1024, 256), *[(256,)] * 9, (1024,)]
    return [(9500, 256), (128, 256), *layer * 9, *[(256,)] * 2, (256, 1000), (1000,)]


def _hidden(shapes: Shapes) -> Shapes:
    """Return the matrices without the two embeddings in front and the output layer behind."""
    matrices: Shapes = [shape for shape in shapes if len(shape) == 2]
    return matrices[2:-1]


WORKLOADS: dict[str, Shapes] = {
    "mlp": [(256, 256), (256,), (256, 100), (100,)],
    "resnet20": _resnet20(),
    "transformer": _transformer(),
    "matrices": _hidden(_transformer()),
    "large": [(1000, 1000)] * 20,
}
"""4 tensors, 0.1 M weights; 61, 0.27 M; 150 of mixed sizes, 10 M, and 54 of them; 20 x 1 M."""

GROWTH: dict[str, Shapes] = {
    **{f"1M in {n}": [(1_000_000 // n,)] * n for n in (4, 16, 64, 256)},
    **{f"64 of {n}": [(n,)] * 64 for n in (100, 1_000, 10_000, 100_000)},
}
"""More tensors for the same weights, more weights in the same number of tensors."""


def size(shapes: Shapes) -> int:
    """Count the weights.

    >>> size(WORKLOADS["large"])
    20000000
    """
    return sum(map(math.prod, shapes))


def values(shapes: Shapes, seed: int = 0) -> list[np.ndarray]:
    """Draw normal numbers for each shape."""
    random = np.random.default_rng(seed)
    return [random.normal(size=shape).astype("float32") for shape in shapes]


NETWORKS = ("mlp", "cnn")
STEPS, BATCH = 30, 32
"""Of one epoch."""


def model(network: str) -> keras.Model:
    """Build a small network, the same each time."""
    layers = keras.layers
    keras.utils.set_random_seed(0)
    if network == "mlp":
        body = [layers.Flatten(), *[layers.Dense(128, "relu") for _ in range(3)]]
    else:
        body = []
        for filters in (8, 16, 16, 32):
            body += [layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False)]
            body += [layers.BatchNormalization(), layers.ReLU()]
        body += [layers.Flatten()]
    return keras.Sequential([keras.Input((16, 16, 3)), *body, layers.Dense(10)])


def weights(network: str) -> Shapes:
    """List the shapes of the network's trainable variables."""
    return [tuple(v.shape) for v in model(network).trainable_variables]


def epoch(network: str, optimizer: keras.optimizers.Optimizer) -> Callable[[], Any]:
    """Make a function that trains a network for one epoch on random images."""
    trained = model(network)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    trained.compile(optimizer, loss, jit_compile=keras.backend.backend() == "jax")
    random = np.random.default_rng(0)
    x = random.normal(size=(STEPS * BATCH, 16, 16, 3)).astype("float32")
    y = random.integers(0, 10, len(x))
    return lambda: trained.fit(x, y, batch_size=BATCH, verbose=0)
