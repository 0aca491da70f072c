"""Batch, stochastic and mini-batch descent on digits, each with the best of its rates."""

import time

import keras
from matplotlib.figure import Figure

import keras_optim
from docs.pictures import digits, style

EPOCHS = 20
WAYS = {
    digits.TRAIN: ("all 1400 images", (0.1, 0.3, 1.0)),
    32: ("32 images", (0.1, 0.3, 1.0)),
    1: ("1 image", (0.01, 0.03, 0.1)),
}


class Watch(keras.callbacks.Callback):
    """Loss of all training images after each pass, and the seconds of training until then."""

    def __init__(self) -> None:
        super().__init__()
        self.losses: list[float] = []
        self.seconds = 0.0

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
        """Start the clock."""
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        """Stop the clock and test."""
        self.seconds += time.perf_counter() - self.start
        x, y = digits.X[: digits.TRAIN], digits.Y[: digits.TRAIN]
        self.losses.append(self.model.evaluate(x, y, batch_size=digits.TRAIN, verbose=0)[0])


def watched(batch_size: int, rate: float) -> Watch:
    """Train with plain descent."""
    watch = Watch()
    digits.train(keras_optim.SGD(rate), epochs=EPOCHS, batch_size=batch_size, callbacks=[watch])
    return watch


def draw() -> Figure:
    """Draw the loss against passes over the data, and against steps."""
    figure, (left, right) = style.panels(2)
    for (size, (label, rates)), colour in zip(WAYS.items(), style.COLOURS, strict=False):
        runs = {rate: watched(size, rate) for rate in rates}
        rate = min(runs, key=lambda rate: runs[rate].losses[-1])
        losses = runs[rate].losses
        print(f"{label}: rate {rate}, loss {losses[-1]:.4f}, {runs[rate].seconds:.1f} s")
        passes = range(1, EPOCHS + 1)
        steps = [epoch * -(-digits.TRAIN // size) for epoch in passes]
        for axes, x in ((left, list(passes)), (right, steps)):
            axes.plot(x, losses, color=colour, linewidth=1.8, marker=".", label=label)
    style.curves(left, "By the images seen", "passes over the data", "loss of all training images")
    style.curves(right, "By the steps made", "steps", "")
    right.set_xscale("log")
    for axes in (left, right):
        axes.set_yscale("log")
    left.set_xticks(range(0, EPOCHS + 1, 5))
    style.key(left, title="a step sees", loc="lower left")
    return figure
