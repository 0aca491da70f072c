"""Descent, heavy ball and Nesterov in a narrow valley, each with the best of many rates."""

import numpy as np
from matplotlib.figure import Figure

import keras_optim
from docs.pictures import style, surfaces

STEPS = 100
VALLEY = surfaces.bowl(50.0)
START = (-2.2, 0.4)
WAYS = {
    "descent": (lambda rate: keras_optim.SGD(rate), style.GREY),
    "heavy ball, 0.8": (lambda rate: keras_optim.SGD(rate, momentum=0.8), style.BLUE),
    "Nesterov, 0.8": (lambda rate: keras_optim.SGD(rate, 0.8, nesterov=True), style.ORANGE),
}


def draw() -> Figure:
    """Draw the first steps, and the loss."""
    figure, (left, right) = style.panels(2)
    surfaces.lines(left, VALLEY, (-2.5, 1.5), (-0.6, 0.6))
    for label, (make, colour) in WAYS.items():
        paths = {
            rate: surfaces.path(make(rate), VALLEY, START, STEPS)
            for rate in np.geomspace(0.005, 0.05, 13)
        }
        ends = {rate: surfaces.losses(VALLEY, rows)[-1] for rate, rows in paths.items()}
        rate = min(ends, key=ends.get)
        print(f"{label}: rate {rate:.4f}, loss {ends[rate]:.1e}")
        surfaces.walk(left, paths[rate][:16], colour)
        values = surfaces.losses(VALLEY, paths[rate])
        right.plot(values, color=colour, linewidth=1.8, label=f"{label} (rate {rate:.3f})")
    style.landscape(left, "The first 15 steps in a valley")
    style.curves(right, "The loss after each step", "step", "loss")
    right.set_yscale("log")
    style.key(right)
    return figure
