"""`python -m benchmarks.step_cost.second_passes`: the cost of second passes in `fit`.

It trains one network with each optimizer in turns, and prints the time of an epoch as a multiple
of AdamW's: the median over the turns. Set `KERAS_BACKEND`.
"""

import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from rich.console import Console

import keras_optim
from keras_optim.compare.process import endings

ROUNDS, BATCH, BATCHES = 15, 256, 20
OPTIMIZERS: dict[str, Callable[[], Any]] = {
    "AdamW": keras_optim.AdamW,
    "SAM(AdamW)": lambda: keras_optim.SAM(keras_optim.AdamW()),
    "ASAM(AdamW)": lambda: keras_optim.ASAM(keras_optim.AdamW()),
    "GSAM(AdamW)": lambda: keras_optim.GSAM(keras_optim.AdamW()),
    "LookSAM(AdamW)": lambda: keras_optim.LookSAM(keras_optim.AdamW()),
    "SophiaG": lambda: keras_optim.SophiaG(seed=0),
    "SophiaH": lambda: keras_optim.SophiaH(seed=0),
    "AdaHessian": lambda: keras_optim.AdaHessian(0.01, seed=0),
}


def network(optimizer: Any) -> keras.Model:
    """Build and compile a network of two hidden layers of 512."""
    dense = [keras.layers.Dense(512, "relu") for _ in range(2)]
    model = keras.Sequential([keras.Input((784,)), *dense, keras.layers.Dense(10)])
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return keras_optim.two_pass(model)


def compare() -> None:
    """Measure and print a line for each optimizer."""
    random = np.random.default_rng(0)
    x = random.normal(size=(BATCH * BATCHES, 784)).astype("float32")
    y = random.integers(0, 10, len(x))
    models = {name: network(make()) for name, make in OPTIMIZERS.items()}

    def epoch(model: keras.Model) -> float:
        start = time.perf_counter()
        model.fit(x, y, batch_size=BATCH, verbose=0)
        return time.perf_counter() - start

    for model in models.values():
        epoch(model)
    turns = [{name: epoch(model) for name, model in models.items()} for _ in range(ROUNDS)]
    console = Console()
    console.print(f"{keras.backend.backend()}: time of an epoch, as a multiple of AdamW's")
    for name in models:
        middle = float(np.median([turn[name] / turn["AdamW"] for turn in turns]))
        console.print(f"| {name} | {middle:.2f} |")


def main() -> int:
    """Compare; return the exit status."""
    return endings.ended("second_passes", compare)


if __name__ == "__main__":
    endings.program("second_passes", main)
