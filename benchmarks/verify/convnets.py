"""Checks of small convolutional networks on MNIST, by `fit`."""

from collections.abc import Callable
from typing import Any

import keras

import keras_optim
from benchmarks.verify import models
from benchmarks.verify.checks import Check, Figure, Found, Request, of_test_images
from benchmarks.verify.fitting import fitted
from benchmarks.verify.mnist import images

BATCHES = 938
"""Batches of 64 in an epoch of MNIST."""


def schedule_free() -> Any:
    """Make the optimizer of Schedule-Free's example."""
    return keras_optim.ScheduleFreeAdamW(0.0025)


def adadelta() -> Any:
    """Make PyTorch's Adadelta, whose rate falls by 0.7 after each epoch."""
    rate = keras.optimizers.schedules.ExponentialDecay(1.0, BATCHES, 0.7, staircase=True)
    return keras_optim.Adadelta(rate, rho=0.9, epsilon=1e-6)


def adam() -> Any:
    """Make Adam with Keras's default values."""
    return keras_optim.Adam(0.001, epsilon=1e-7)


def _torch_example(optimizer: Callable[[], Any], epochs: int) -> Callable[[Request], Found]:
    """Make the training of PyTorch's example: normalised images, batches of 64."""

    def run(request: Request) -> Found:
        data = images(request)
        keras.utils.set_random_seed(1)
        model = models.torch_mnist()
        model.compile(optimizer(), **_objective())
        x, test_x = ((x - 0.1307) / 0.3081 for x in (data.x, data.test_x))
        after = fitted(
            model,
            (x, data.y),
            (test_x, data.test_y),
            request.own,
            request.tell,
            epochs=epochs,
            batch_size=64,
        )
        return {_after(n): [after[n - 1]["val_accuracy"]] for n in {1, epochs}}

    return run


def _keras_page(request: Request) -> Found:
    data = images(request)
    keras.utils.set_random_seed(1)
    model = models.keras_mnist()
    model.compile(adam(), **_objective())
    held = len(data.y) // 10  # for validation, which decides nothing
    after = fitted(
        model,
        (data.x[:-held], data.y[:-held]),
        (data.test_x, data.test_y),
        request.own,
        request.tell,
        epochs=15,
        batch_size=128,
    )
    return {_after(15): [after[-1]["val_accuracy"]]}


def _objective() -> dict[str, Any]:
    return {
        "loss": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        "metrics": ["accuracy"],
    }


def _after(epochs: int) -> str:
    return f"test accuracy after {epochs} epoch{'s' if epochs > 1 else ''}"


NETWORK = "conv 32, conv 64, dense 128 on MNIST, batches of 64"
README = "https://github.com/facebookresearch/schedule_free/blob/main/examples/mnist/README.md"
SCHEDULE_FREE = "facebookresearch/schedule_free@70785b5, examples/mnist (arXiv 2405.15682)"
EXAMPLE = "pytorch/examples@77f55b9, mnist; figures in schedule_free@70785b5, examples/mnist"
PAGE = "https://keras.io/examples/vision/mnist_convnet/"

CHECKS = (
    Check(
        "schedulefree-1",
        f"{NETWORK}, ScheduleFreeAdamW, 1 epoch",
        SCHEDULE_FREE,
        README,
        (of_test_images(_after(1), "0.9873"),),
        _torch_example(schedule_free, 1),
        lambda: [schedule_free()],
        seconds=90,
        long=True,
    ),
    Check(
        "schedulefree-14",
        f"{NETWORK}, ScheduleFreeAdamW, 14 epochs",
        SCHEDULE_FREE,
        README,
        (of_test_images(_after(1), "0.9873"), of_test_images(_after(14), "0.9935")),
        _torch_example(schedule_free, 14),
        lambda: [schedule_free()],
        seconds=3000,
        long=True,
    ),
    Check(
        "adadelta-1",
        f"{NETWORK}, Adadelta, 1 epoch",
        EXAMPLE,
        README,
        (of_test_images(_after(1), "0.9836"),),
        _torch_example(adadelta, 1),
        lambda: [adadelta()],
        seconds=90,
        long=True,
    ),
    Check(
        "adadelta-14",
        f"{NETWORK}, Adadelta, rate x 0.7 each epoch, 14 epochs",
        EXAMPLE,
        README,
        (of_test_images(_after(1), "0.9836"), of_test_images(_after(14), "0.9922")),
        _torch_example(adadelta, 14),
        lambda: [adadelta()],
        seconds=3000,
        long=True,
    ),
    Check(
        "keras-convnet",
        "conv 32, pool, conv 64, pool, dropout on MNIST, batches of 128, Adam, 15 epochs",
        "keras.io, Simple MNIST convnet",
        PAGE,
        (
            Figure(
                _after(15), "0.9922", 0.988, 1.0, "a floor, 4.8 standard errors of 10,000 examples"
            ),
        ),
        _keras_page,
        lambda: [adam()],
        seconds=3000,
        long=True,
    ),
)
