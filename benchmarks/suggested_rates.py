"""Suggestions of `LearningRateFinder` beside the best rate of a grid, on the digits.

`python -m benchmarks.suggested_rates` takes minutes. It prints, for each optimizer and batch size,
the best rate of a grid and three suggestions as multiples of it. The grid has four rates per
decade; the best is the one with the lowest loss after a short training.
"""

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from rich.console import Console
from sklearn.datasets import load_digits

import keras_optim
from keras_optim.compare.process import endings

OPTIMIZERS: dict[str, Callable[[float], Any]] = {
    "SGD": keras_optim.SGD,
    "Adam": keras_optim.Adam,
    "Lion": keras_optim.Lion,
    "SignSGD": keras_optim.SignSGD,
}
STEPS = {64: 300, 8: 600}
"""The steps of a training on the grid, by batch size."""
SEEDS = range(3)


def data() -> tuple[Any, Any]:
    """Load 1,600 digits."""
    x, y = load_digits(return_X_y=True)
    return (x[:1600] / 16.0).astype("float32"), y[:1600]


def network(optimizer: Any, seed: int) -> keras.Model:
    """Build and compile a network of two hidden layers."""
    keras.utils.set_random_seed(seed)
    layers = [keras.layers.Dense(64, "relu"), keras.layers.Dense(64, "relu")]
    model = keras.Sequential([keras.Input((64,)), *layers, keras.layers.Dense(10)])
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def suggested(make: Callable[[float], Any], batch: int, seed: int) -> float:
    """Return the suggestion of one sweep."""
    (x, y), finder = data(), keras_optim.callbacks.LearningRateFinder()
    model = network(make(0.01), seed)
    model.fit(x, y, batch_size=batch, epochs=100, verbose=0, callbacks=[finder])
    return finder.suggestion


def reached(make: Callable[[float], Any], batch: int, rate: float) -> float:
    """Return the loss after a short training at a rate."""
    (x, y), model, random = data(), network(make(rate), 0), np.random.default_rng(0)
    count = STEPS[batch] * batch
    rows = np.concatenate([random.permutation(len(x)) for _ in range(count // len(x) + 1)])[:count]
    model.fit(x[rows], y[rows], batch_size=batch, shuffle=False, verbose=0)
    loss = float(model.evaluate(x, y, batch_size=1600, verbose=0))
    return loss if math.isfinite(loss) else math.inf


def compare() -> None:
    """Train and print a line for each optimizer and batch size, then the errors of all."""
    console, decades = Console(), list[float]()
    for name, make in OPTIMIZERS.items():
        grid = [10 ** (k / 4) for k in (range(-12, 4) if name == "SGD" else range(-20, -3))]
        for batch in STEPS:
            losses = [reached(make, batch, rate) for rate in grid]
            best = grid[int(np.argmin(losses))]
            multiples = sorted(suggested(make, batch, seed) / best for seed in SEEDS)
            decades += [abs(math.log10(multiple)) for multiple in multiples]
            shown = ", ".join(f"{multiple:.2g}" for multiple in multiples)
            console.print(f"{name}, batch {batch}: best {best:.2g}; suggested {shown} x")
    within = [sum(d <= math.log10(factor) for d in decades) for factor in (5, 10)]
    console.print(
        f"root mean square {np.sqrt(np.mean(np.square(decades))):.2f} decades; within a factor of "
        f"5: {within[0]} of {len(decades)}, of 10: {within[1]}"
    )


def main() -> int:
    """Compare; return the exit status."""
    return endings.ended("suggested_rates", compare)


if __name__ == "__main__":
    endings.program("suggested_rates", main)
