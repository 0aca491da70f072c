"""Gradient descent on a bowl: a rate that is too small, one that fits, one that is too large."""

from matplotlib.figure import Figure

import keras_optim
from docs.pictures import style, surfaces

RATES = {0.02: "0.02: slow", 0.15: "0.15: fits", 0.39: "0.39: swings", 0.42: "0.42: leaves"}


def draw() -> Figure:
    """Draw the paths, and the loss after each step."""
    figure, (left, right) = style.panels(2)
    bowl = surfaces.bowl(5.0)
    surfaces.lines(left, bowl, (-2.5, 2.5), (-2.5, 2.5))
    for (rate, label), colour in zip(RATES.items(), style.COLOURS, strict=True):
        rows = surfaces.path(keras_optim.SGD(rate), bowl, (-2.0, 1.0), 30)
        surfaces.walk(left, rows[:13], colour)
        right.plot(surfaces.losses(bowl, rows), color=colour, linewidth=1.8, label=label)
    style.landscape(left, "The first 12 steps on a bowl")
    style.curves(right, "The loss after each step", "step", "loss")
    right.set_yscale("log")
    right.set_ylim(1e-5, 1e2)
    style.key(right, title="learning rate")
    return figure
