"""Minima, a saddle and a narrow valley, with the paths of gradient descent."""

from matplotlib.figure import Figure

import keras_optim
from docs.pictures import style, surfaces


def draw() -> Figure:
    """Draw three landscapes."""
    figure, (minima, saddle, valley) = style.panels(3, height=3.6, width=11.5)

    surfaces.lines(minima, surfaces.TWO_MINIMA, (-1.8, 1.8), (-1.5, 1.5))
    for start, colour in (((0.05, 1.2), style.BLUE), ((0.35, 1.2), style.ORANGE)):
        rows = surfaces.path(keras_optim.SGD(0.1), surfaces.TWO_MINIMA, start, 100)
        surfaces.walk(minima, rows, colour)
        loss = surfaces.losses(surfaces.TWO_MINIMA, rows)[-1]
        minima.annotate(f"loss {loss:.2f}", rows[-1], (0, -16), textcoords="offset points",
                        ha="center", fontsize=8.5, color=colour)  # fmt: skip
    style.landscape(minima, "Two minima")

    surfaces.lines(saddle, surfaces.SADDLE, (-1.8, 1.8), (-1.5, 1.5))
    rows = surfaces.path(keras_optim.SGD(0.1), surfaces.SADDLE, (1.6, 1e-4), 150)
    surfaces.walk(saddle, rows, style.BLUE)
    near = int((abs(rows) < 0.1).all(axis=1).sum())
    saddle.annotate(f"{near} steps\nnear the saddle", (0, 0), (-12, 14), ha="right",
                    textcoords="offset points", fontsize=8.5, color=style.BLUE)  # fmt: skip
    style.landscape(saddle, "A saddle")

    bowl = surfaces.bowl(30.0)
    surfaces.lines(valley, bowl, (-2.4, 2.4), (-2.0, 2.0))
    surfaces.walk(valley, surfaces.path(keras_optim.SGD(0.06), bowl, (-2.2, 0.9), 60), style.BLUE)
    style.landscape(valley, "A valley, 30 times as steep across")
    for axes in (saddle, valley):
        axes.set_ylabel("")
    return figure
