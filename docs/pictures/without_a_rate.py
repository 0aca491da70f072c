"""A rate that is estimated, and a mean in the place of a schedule, on digits."""

import numpy as np
from matplotlib.figure import Figure

import keras_optim
from docs.pictures import digits, style
from keras_optim import schedules

FACTORS = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
EPOCHS = 20
STEPS = EPOCHS * -(-digits.TRAIN // 32)
RATE = 0.03


def draw() -> Figure:
    """Draw the held-out loss by the rate, and by the length of training."""
    figure, (left, right) = style.panels(2)
    for label, make, colour in (
        ("Adam, default 0.001", lambda factor: keras_optim.Adam(0.001 * factor), style.GREY),
        ("Prodigy, default 1", keras_optim.Prodigy, style.BLUE),
    ):
        ends = [digits.train(make(factor))["val_loss"][-1] for factor in FACTORS]
        print(label, [round(end, 3) for end in ends])
        left.plot(FACTORS, ends, color=colour, linewidth=1.8, marker="o", label=label)
    style.curves(
        left,
        "Sensitive to the rate?",
        "rate, in multiples of the default",
        "held-out loss after 10 passes",
    )
    left.set_xscale("log")
    left.set_yscale("log")

    cosine = schedules.CosineAnnealing(RATE, STEPS)
    for label, optimizer, colour in (
        (f"AdamW, rate {RATE}", keras_optim.AdamW(RATE), style.GREY),
        ("AdamW, cosine to 0", keras_optim.AdamW(cosine), style.ORANGE),
        (
            "Schedule-Free AdamW",
            keras_optim.ScheduleFreeAdamW(RATE, warmup_steps=STEPS // 20),
            style.BLUE,
        ),
    ):
        history = digits.train(optimizer, epochs=EPOCHS)
        print(label, round(history["val_loss"][-1], 4))
        epochs = np.arange(1, EPOCHS + 1)
        right.plot(epochs, history["val_loss"], color=colour, linewidth=1.8, label=label)
    style.curves(right, "When does the training end?", "passes over the data", "held-out loss")
    right.set_yscale("log")
    right.set_xticks(range(0, EPOCHS + 1, 5))
    style.key(left)
    style.key(right)
    return figure
