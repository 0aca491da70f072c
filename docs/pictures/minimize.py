"""Loss against passes over the data, of `minimize` and of Adam, on scikit-learn's digits."""

import keras
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_digits

import keras_optim

PASSES = 300
RATES = {"full": (0.01, 0.03, 0.1, 0.3), "batches": (0.0003, 0.001, 0.003, 0.01)}
LINES = {
    "lbfgs": ("L-BFGS", "#0072B2", "-"),
    "conjugate_gradient": ("Conjugate gradients", "#009E73", "-"),
    "truncated_newton": ("Truncated Newton", "#D55E00", "-"),
    "full": ("Adam, all at once", "#8A8A8A", "-"),
    "batches": ("Adam, batches of 32", "#8A8A8A", (0, (3, 1.5))),
}


def model(hidden: int) -> keras.Model:
    """Softmax regression, or a network with one hidden layer; both with a little L2."""
    keras.utils.set_random_seed(0)
    l2 = keras.regularizers.L2(1e-4)
    layers = [keras.layers.Dense(hidden, "tanh", kernel_regularizer=l2)] if hidden else []
    made = keras.Sequential(
        [keras.Input((64,)), *layers, keras.layers.Dense(10, kernel_regularizer=l2)]
    )
    made.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return made


def second_order(hidden: int, data: tuple, method: str) -> tuple[list, list]:
    """Passes and losses of a run of `minimize`."""
    result = keras_optim.minimize(
        model(hidden), data, method, max_evaluations=PASSES, max_iterations=PASSES,
        gradient_tolerance=0, value_tolerance=0,
    )  # fmt: skip
    return result.history["evaluations"], result.history["value"]


def adam(hidden: int, data: tuple, batch_size: int, rate: float) -> tuple[list, list]:
    """Passes and losses of Adam; the loss of the whole set after each pass."""
    trained = model(hidden)
    trained.compile(keras_optim.Adam(rate), trained.loss)
    losses = []
    watch = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda *_: losses.append(trained.evaluate(*data, batch_size=2000, verbose=0))
    )
    trained.fit(*data, batch_size=batch_size, epochs=PASSES, verbose=0, callbacks=[watch])
    return list(range(1, PASSES + 1)), losses


def measure(hidden: int, data: tuple) -> dict[str, tuple[list, list]]:
    """A line for each method; of the rates of Adam the one that ends lowest."""
    lines = {m: second_order(hidden, data, m) for m in keras_optim.full_batch.minimize.METHODS}
    for name, size in (("full", 2000), ("batches", 32)):
        runs = [adam(hidden, data, size, rate) for rate in RATES[name]]
        lines[name] = min(runs, key=lambda run: run[1][-1])
        print(
            hidden,
            name,
            [(r, round(run[1][-1], 5)) for r, run in zip(RATES[name], runs, strict=True)],
        )
    return lines


def panel(axes: plt.Axes, lines: dict, lowest: float, title: str) -> None:
    """One panel."""
    for name, (passes, losses) in lines.items():
        label, colour, style = LINES[name]
        excess = np.array(losses) - lowest
        shown = excess > 0
        axes.plot(
            np.array(passes)[shown], excess[shown], color=colour, linestyle=style, linewidth=1.8,
            label=label, zorder=3 if style == "-" and colour != "#8A8A8A" else 2,
        )  # fmt: skip
    axes.set_yscale("log")
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold")
    axes.set_xlabel("passes over the data")
    axes.grid(axis="y", color="#E8E8E8", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)
    axes.set_xlim(0, PASSES)


def draw() -> Figure:
    """Measure and draw both panels."""
    x, y = load_digits(return_X_y=True)
    data = (x / 16.0, y)
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    convex = model(0)
    keras_optim.minimize(
        convex, data, keras_optim.TruncatedNewton(0.1), gradient_tolerance=0, max_iterations=30
    )
    lowest = convex.evaluate(*data, batch_size=2000, verbose=0)
    panel(left, measure(0, data), lowest, "Softmax regression: loss above its minimum")
    left.set_ylim(3e-7, 3)
    panel(right, measure(32, data), 0.0, "One hidden layer: loss")
    right.set_ylim(0.033, 0.5)
    handles, labels = left.get_legend_handles_labels()
    right.legend(handles, labels, frameon=False, fontsize=9.5)
    return figure
