"""Second order: a curved valley, and digits with whitened gradients."""

import keras
import numpy as np
from matplotlib.figure import Figure

import keras_optim
from docs.pictures import digits, style, surfaces

EPOCHS = 8
START = (-1.2, 1.0)
ON_DIGITS = {
    "Adam": (keras_optim.Adam, style.GREY),
    "Shampoo": (keras_optim.Shampoo, style.PURPLE),
    "SOAP": (keras_optim.SOAP, style.ORANGE),
    "Muon": (keras_optim.Muon, style.BLUE),
}
RATES = (0.001, 0.003, 0.01, 0.03)


def minimized(method: str) -> np.ndarray:
    """Return the weights after each iteration of a full-batch method on Rosenbrock's valley."""
    weights = keras.Variable(np.array(START, "float32"))
    rows = [np.array(START)]

    def loss() -> object:
        return surfaces.ROSENBROCK.value(weights[0], weights[1])

    def keep(_: object) -> None:
        rows.append(keras.ops.convert_to_numpy(weights).astype("float64"))

    keras_optim.minimize(loss, method=method, variables=[weights], callback=keep)
    return np.array(rows)


def draw() -> Figure:
    """Draw both panels."""
    figure, (left, right) = style.panels(2)
    surfaces.lines(left, surfaces.ROSENBROCK, (-1.7, 1.5), (-0.5, 1.8))
    paths = {
        "descent": (
            surfaces.path(keras_optim.SGD(0.008), surfaces.ROSENBROCK, START, 200),
            style.GREY,
        ),
        "L-BFGS": (minimized("lbfgs"), style.BLUE),
        "truncated Newton": (minimized("truncated_newton"), style.ORANGE),
    }
    for label, (rows, colour) in paths.items():
        surfaces.walk(left, rows, colour, f"{label}, {len(rows) - 1} steps")
    left.plot(1, 1, marker="*", color=style.INK, markersize=11)
    for label, (make, colour) in ON_DIGITS.items():
        rate, history = digits.best(make, RATES, epochs=EPOCHS)
        print(f"{label}: rate {rate}, loss {history['loss'][-1]:.5f}")
        right.plot(
            np.arange(1, EPOCHS + 1), history["loss"], color=colour, linewidth=1.8,
            label=f"{label} (rate {rate:g})",
        )  # fmt: skip
    style.landscape(left, "Rosenbrock's valley")
    style.curves(right, "Digits, the best of four rates", "passes over the data", "training loss")
    right.set_yscale("log")
    style.key(left, loc="upper center")
    style.key(right)
    return figure
