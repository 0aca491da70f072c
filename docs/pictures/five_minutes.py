"""From Keras's Adam to SOAP on digits: held-out loss of three seeds each."""

import keras
import numpy as np
from matplotlib.figure import Figure

import keras_optim
from docs.pictures import digits, style
from keras_optim import schedules

EPOCHS, SEEDS = 10, (0, 1, 2)
STEPS = EPOCHS * -(-digits.TRAIN // 32)


def falling(peak: float) -> schedules.Schedule:
    """Return a warmup of a twentieth of the steps, then a cosine to zero."""
    warmup = STEPS // 20
    return schedules.Warmup(schedules.CosineAnnealing(peak, STEPS - warmup), warmup)


WAYS = {
    "keras.optimizers.Adam()": (keras.optimizers.Adam, style.GREY, "-"),
    "Adam()": (keras_optim.Adam, style.ORANGE, (0, (2, 2))),
    "Adam, warmup to 0.01, cosine": (lambda: keras_optim.Adam(falling(0.01)), style.GREEN, "-"),
    "SOAP()": (keras_optim.SOAP, style.BLUE, "-"),
    "SOAP, warmup to 0.01, cosine": (lambda: keras_optim.SOAP(falling(0.01)), style.PURPLE, "-"),
}


def draw() -> Figure:
    """Draw means over the seeds, and the range between them."""
    figure, (axes,) = style.panels(1, height=4.0, width=8.0)
    for label, (make, colour, line) in WAYS.items():
        runs = [digits.train(make(), seed, EPOCHS) for seed in SEEDS]
        losses = np.array([run["val_loss"] for run in runs])
        right = np.mean([run["val_accuracy"][-1] for run in runs])
        ends = ", ".join(f"{end:.3f}" for end in losses[:, -1])
        print(f"{label}: held-out loss {losses[:, -1].mean():.3f} ({ends}), accuracy {right:.3f}")
        epochs = np.arange(1, EPOCHS + 1)
        axes.fill_between(epochs, losses.min(0), losses.max(0), color=colour, alpha=0.15, lw=0)
        axes.plot(epochs, losses.mean(0), color=colour, linewidth=1.8, linestyle=line, label=label)
    style.curves(axes, "Digits, three seeds", "passes over the data", "held-out loss")
    axes.set_yscale("log")
    style.key(axes)
    return figure
