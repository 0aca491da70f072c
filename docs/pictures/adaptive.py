"""From Adagrad to AdamW: paths in a valley, and digits with the best of four rates each."""

import numpy as np
from matplotlib.figure import Figure

import keras_optim
from docs.pictures import digits, style, surfaces

EPOCHS = 12
ON_DIGITS = {
    "SGD": (keras_optim.SGD, (0.03, 0.1, 0.3, 1.0), style.GREY),
    "Adagrad": (keras_optim.Adagrad, (0.01, 0.03, 0.1, 0.3), style.PURPLE),
    "RMSprop": (keras_optim.RMSprop, (0.001, 0.003, 0.01, 0.03), style.GREEN),
    "Adam": (keras_optim.Adam, (0.001, 0.003, 0.01, 0.03), style.BLUE),
}
IN_A_VALLEY = {
    "SGD": keras_optim.SGD(0.018),
    "Adagrad": keras_optim.Adagrad(0.3),
    "RMSprop": keras_optim.RMSprop(0.05),
    "Adam": keras_optim.Adam(0.1),
}


def draw() -> Figure:
    """Draw both panels."""
    figure, (left, right) = style.panels(2)
    valley = surfaces.bowl(100.0)
    surfaces.lines(left, valley, (-2.3, 0.6), (-1.2, 0.5))
    for label, (make, rates, colour) in ON_DIGITS.items():
        surfaces.walk(
            left, surfaces.path(IN_A_VALLEY[label], valley, (-2.0, -0.8), 40), colour, label
        )
        rate, history = digits.best(make, rates, epochs=EPOCHS)
        print(f"{label}: rate {rate}, loss {history['loss'][-1]:.4f}")
        epochs = np.arange(1, EPOCHS + 1)
        right.plot(
            epochs, history["loss"], color=colour, linewidth=1.8, label=f"{label} (rate {rate:g})"
        )
    style.landscape(left, "40 steps, one direction 100 times as steep")
    style.curves(right, "Digits, the best of four rates", "passes over the data", "training loss")
    right.set_yscale("log")
    style.key(left, loc="lower right")
    style.key(right)
    return figure
