"""Batch statistics of averaged weights, and the gain by recomputing them.

`python -m benchmarks.batch_statistics` prints validation loss and accuracy on the digits of
scikit-learn, after a training of seconds, before and after `update_batch_statistics`.
"""

import warnings
from typing import Any

import keras
import numpy as np
from rich.console import Console
from sklearn.datasets import load_digits

import keras_optim
from keras_optim.compare.process import endings

EPOCHS, BATCH, TRAINED = 8, 32, 1200


def optimizers(steps: int) -> dict[str, Any]:
    """Create one of each kind, for a training of `steps`."""
    return {
        "EMA": keras_optim.EMA(keras_optim.Adam(0.01), decay=0.99),
        "SWA": keras_optim.SWA(keras_optim.SGD(0.5, momentum=0.9), start_step=max(steps // 4, 1)),
        "ScheduleFree": keras_optim.ScheduleFreeAdamW(0.01, warmup_steps=steps // 20),
    }


def network() -> keras.Model:
    """Build a network of two hidden layers with batch normalisation."""
    layers = [keras.Input((64,))]
    for _ in range(2):
        layers += [
            keras.layers.Dense(64),
            keras.layers.BatchNormalization(),
            keras.layers.ReLU(),
        ]
    return keras.Sequential([*layers, keras.layers.Dense(10, "softmax")])


def compare() -> None:
    """Train and print a line for each optimizer and seed."""
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    x, y = (x[order] / 16.0).astype("float32"), y[order]
    train, test = (x[:TRAINED], y[:TRAINED]), (x[TRAINED:], y[TRAINED:])
    for name in optimizers(1):
        for seed in range(3):
            keras.utils.set_random_seed(seed)
            model = network()
            optimizer = optimizers(EPOCHS * -(-TRAINED // BATCH))[name]
            model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
            with warnings.catch_warnings():  # these statistics are the ones to compare
                warnings.filterwarnings("ignore", ".*statistics of batch normalisation")
                model.fit(*train, batch_size=BATCH, epochs=EPOCHS, verbose=0)
            before = model.evaluate(*test, verbose=0)
            keras_optim.callbacks.update_batch_statistics(model, train[0])
            after = model.evaluate(*test, verbose=0)
            numbers = " -> ".join(f"{loss:.3f} ({share:.1%})" for loss, share in (before, after))
            Console().print(f"{name}, seed {seed}: {numbers}", highlight=False)


def main() -> int:
    """Compare; return the exit status."""
    return endings.ended("batch_statistics", compare)


if __name__ == "__main__":
    endings.program("batch_statistics", main)
