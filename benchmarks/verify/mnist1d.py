"""Checks of MNIST-1D, whose examples a program makes: no download."""

import importlib.util
from collections.abc import Callable
from typing import Any

import keras
from keras import layers

import keras_optim
from benchmarks.verify.checks import CannotRun, Check, Figure, Found, Request, around
from benchmarks.verify.models import torch_start
from benchmarks.verify.training import trained
from benchmarks.workloads import mnist1d, mnist1d_mlp
from keras_optim.compare.workload import Workload

SEEDS = (1, 2, 3)
BATCH = 100
EPOCHS = 150
"""Of 40 batches: 6000 steps."""


class InOrder(keras.utils.PyDataset):
    """Batches that come in the same order in every epoch."""

    def __init__(self, x: Any, y: Any):
        super().__init__()
        self.x, self.y = x, y

    @property
    def num_batches(self) -> int:
        """The batches of an epoch."""
        return len(self.y) // BATCH

    def __getitem__(self, k: int) -> tuple[Any, Any]:
        """Return a batch."""
        rows = slice(k * BATCH, (k + 1) * BATCH)
        return self.x[rows], self.y[rows]


def linear() -> keras.Model:
    """Build logistic regression: 410 parameters."""
    return keras.Sequential([keras.Input((40,)), layers.Dense(10, **torch_start(40))])


def mlp() -> keras.Model:
    """Build two hidden layers of 100: 15,210 parameters."""
    return mnist1d_mlp.build(torch_start)


def convolution() -> keras.Model:
    """Build three convolutions with 25 channels and stride 2: 5,210 parameters."""
    return mnist1d.build(torch_start)


def adam() -> Any:
    """Make PyTorch's Adam with the rate of the source."""
    return keras_optim.Adam(0.01, epsilon=1e-8)


def _training(build: Callable[[], keras.Model]) -> Callable[[Request], Found]:
    """Make the training of a model: Adam, rate 0.01, 6000 batches of 100 in their order."""

    def run(request: Request) -> Found:
        if importlib.util.find_spec("mnist1d") is None:
            raise CannotRun("needs the package mnist1d: pip install -r requirements/bench.txt")
        train, test = mnist1d.data()
        workload = Workload(
            build,
            InOrder(train.x, train.y),
            validation=(train.x[:BATCH], train.y[:BATCH]),  # decides nothing
            test=(test.x, test.y),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
            epochs=EPOCHS,
            name="mnist1d",
        )
        outcomes = trained(workload, adam(), SEEDS, request.tell)
        return {ACCURACY: [outcome.test["final_accuracy"] for outcome in outcomes]}

    return run


ACCURACY = "test accuracy"


def _check(name: str, model: str, build: Any, figure: Figure, seconds: float) -> Check:
    return Check(
        f"mnist1d-{name}",
        f"{model} on MNIST-1D, Adam, rate 0.01, 6000 batches of 100 in order",
        "greydanus/mnist1d@7878d96, notebook (arXiv 2011.14439)",
        "https://github.com/greydanus/mnist1d",
        (figure,),
        _training(build),
        lambda: [adam()],
        seconds,
    )


CHECKS = (
    _check(
        "linear",
        "linear, 410 parameters,",
        linear,
        around(ACCURACY, "0.315", 0.005, "5 of 1000 test examples"),
        15,
    ),
    _check(
        "mlp",
        "40-100-100-10, 15,210 parameters,",
        mlp,
        Figure(ACCURACY, "0.651", 0.63, 0.68, "torch runs gave 0.636 to 0.675, the README 0.68"),
        25,
    ),
    _check(
        "conv",
        "three convolutions, 5,210 parameters,",
        convolution,
        Figure(ACCURACY, "0.923", 0.92, 0.94, "torch runs gave 0.933, the README 0.94"),
        60,
    ),
)
