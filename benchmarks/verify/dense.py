"""Checks of one dense hidden layer on MNIST, with Keras's default optimizers."""

import statistics
from collections.abc import Callable, Sequence
from typing import Any

import keras

import keras_optim
from benchmarks.verify.checks import Check, Found, Request, around
from benchmarks.verify.mnist import images
from benchmarks.verify.training import trained
from benchmarks.workloads.mnist import build
from benchmarks.workloads.row import one_of_many
from keras_optim.compare.training.engine import Outcome
from keras_optim.compare.workload import Workload

SEEDS = (1, 2, 3, 4, 5)
FACTOR = 3.56
"""A 99 % prediction interval of one published run around the mean of five of ours, in standard
deviations that are known from ten runs: Student's quantile 3.25 for 9 degrees, times
sqrt(1 + 1/5)."""

OURS: dict[str, Callable[[], Any]] = {
    "sgd": lambda: keras_optim.SGD(0.01),
    "rmsprop": lambda: keras_optim.RMSprop(0.001, epsilon=1e-7, epsilon_inside_sqrt=True),
    "rmsprop-outside": lambda: keras_optim.RMSprop(0.001, epsilon=1e-7),
    "adam": lambda: keras_optim.Adam(0.001, epsilon=1e-7),
}
"""Optimizers of keras_optim with the values that Keras takes by default.

RMSprop's epsilon is inside the root in Keras; it was outside in TensorFlow's Keras until 2.10."""

PUBLISHED = {
    "sgd": ("0.9362", "0.2307"),
    "rmsprop": ("0.9720", "0.1050"),
    "rmsprop-outside": ("0.9720", "0.1050"),
    "adam": ("0.9763", "0.0792"),
}
"""Accuracy and loss on the test set."""

SPREAD = {
    "sgd": (0.000901, 0.00210),
    "rmsprop": (0.001437, 0.00313),
    "rmsprop-outside": (0.001437, 0.00313),
    "adam": (0.001073, 0.00297),
}
"""Standard deviations of both with Keras's own optimizers: seeds 101 to 110 on JAX, by `spread`."""

ACCURACY, LOSS = "test accuracy", "test loss"


def workload(request: Request) -> Workload:
    """Make the workload: the last fifth of the training examples is held out, as in Keras."""
    data = images(request)
    held = len(data.y) // 5
    return Workload(
        build,
        (data.x[:-held], data.y[:-held]),
        validation=(data.x[-held:], data.y[-held:]),
        test=(data.test_x, data.test_y),
        epochs=5,
        batch_size=32,
        name="mnist",
        **one_of_many(),
    )


def spread(request: Request) -> dict[str, tuple[float, float]]:
    """Measure `SPREAD` again."""
    found = {}
    for name in ("sgd", "rmsprop", "adam"):
        optimizer = keras.optimizers.get(name)
        values = _values(trained(workload(request), optimizer, range(101, 111), request.tell))
        found[name] = statistics.stdev(values[ACCURACY]), statistics.stdev(values[LOSS])
    return found


def _values(outcomes: Sequence[Outcome]) -> dict[str, list[float]]:
    return {
        ACCURACY: [outcome.test["final_accuracy"] for outcome in outcomes],
        LOSS: [outcome.test["final_loss"] for outcome in outcomes],
    }


def _training(name: str) -> Callable[[Request], Found]:
    def run(request: Request) -> Found:
        return _values(trained(workload(request), OURS[name](), SEEDS, request.tell))

    return run


def _check(name: str) -> Check:
    reason = "99 % interval of one run, from ten runs of Keras's own optimizer"
    (accuracy, loss), (wide, far) = PUBLISHED[name], SPREAD[name]
    return Check(
        f"dense-{name}",
        "Flatten, dense 128, dropout 0.2, dense 10 on MNIST, batches of 32, 5 epochs, "
        f"{WORDS.get(name, name)} with Keras's defaults",
        SOURCE,
        ADDRESS,
        (
            around(ACCURACY, accuracy, FACTOR * wide, reason),
            around(LOSS, loss, FACTOR * far, reason),
        ),
        _training(name),
        lambda: [OURS[name]()],
        40,
    )


WORDS = {
    "rmsprop": "rmsprop (epsilon inside the root)",
    "rmsprop-outside": "rmsprop (epsilon outside the root, as in TensorFlow's Keras until 2.10)",
}
SOURCE = "a table of Keras's optimizers whose address was not kept; the model's page"
ADDRESS = "https://www.tensorflow.org/tutorials/quickstart/beginner"
CHECKS = tuple(map(_check, OURS))
