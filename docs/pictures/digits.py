"""Training on scikit-learn's digits: 1,797 images of 8 by 8, the last 397 held out."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from sklearn.datasets import load_digits

TRAIN = 1400


def data() -> tuple[np.ndarray, np.ndarray]:
    """Return all images, with values from 0 to 1, and their digits, in an order drawn once."""
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    return (x[order] / 16).astype("float32"), y[order]


X, Y = data()


def network(seed: int, hidden: Sequence[int] = (64, 64)) -> keras.Model:
    """Return a new network; without hidden layers, it is softmax regression."""
    keras.utils.set_random_seed(seed)
    layers = [keras.layers.Dense(units, "relu") for units in hidden]
    return keras.Sequential([keras.Input((64,)), *layers, keras.layers.Dense(10, "softmax")])


def train(
    optimizer: Any,
    seed: int = 0,
    epochs: int = 10,
    batch_size: int = 32,
    hidden: Sequence[int] = (64, 64),
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> dict[str, list[float]]:
    """Train, and return the history: loss and accuracy, of training and held-out images."""
    model = network(seed, hidden)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model.fit(
        X[:TRAIN],
        Y[:TRAIN],
        batch_size=batch_size,
        epochs=epochs,
        validation_data=(X[TRAIN:], Y[TRAIN:]),
        callbacks=list(callbacks),
        verbose=0,
    ).history


def best(
    make: Callable[[float], Any], rates: Sequence[float], **options: Any
) -> tuple[float, dict[str, list[float]]]:
    """Train with each rate; return the one with the lowest last training loss."""
    runs = {rate: train(make(rate), **options) for rate in rates}
    rate = min(runs, key=lambda rate: np.nan_to_num(runs[rate]["loss"][-1], nan=np.inf))
    return rate, runs[rate]
