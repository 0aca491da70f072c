"""Every schedule of keras_optim over a training of 1000 steps."""

import matplotlib.pyplot as plt
import numpy as np
from keras import ops
from matplotlib.figure import Figure

from keras_optim.schedules import (
    REX,
    CosineAnnealing,
    Cyclic,
    Join,
    NaturalExponentialDecay,
    Noam,
    OneCycle,
    PolynomialDecay,
    StepDecay,
    Warmup,
    WarmupStableDecay,
)

STEPS = 1000
FALL, WARM, CYCLE = "#2a6f97", "#bc6c25", "#5a7d3a"
INK, QUIET = "#333333", "#8a8a8a"

PANELS = [
    ("StepDecay", "decay_rate=0.4", StepDecay(1.0, 300, 0.4), FALL),
    ("NaturalExponentialDecay", "decay_rate=0.004", NaturalExponentialDecay(1.0, 0.004), FALL),
    ("CosineAnnealing", "end_learning_rate=0.1", CosineAnnealing(1.0, 900, 0.1), FALL),
    ("PolynomialDecay", "power=2", PolynomialDecay(1.0, 900, 0.0, power=2.0), FALL),
    ("REX", "decay_steps=900", REX(1.0, 900), FALL),
    ("Noam", "warmup_steps=150", Noam(1.0, 150), WARM),
    ("Warmup", "around CosineAnnealing", Warmup(CosineAnnealing(1.0, 750), 150), WARM),
    (
        "WarmupStableDecay",
        'decay="sqrt"',
        WarmupStableDecay(1.0, 100, 600, 200, decay="sqrt"),
        WARM,
    ),
    ("OneCycle", "pct_start=0.3", OneCycle(1.0, 900), CYCLE),
    ("Cyclic", 'mode="triangular"', Cyclic(0.1, 1.0, 125), CYCLE),
    ("Cyclic", 'mode="triangular2"', Cyclic(0.1, 1.0, 125, mode="triangular2"), CYCLE),
    (
        "Join",
        "a constant, then REX twice",
        Join([0.5, REX(1.0, 350), REX(0.5, 350)], [200, 550]),
        CYCLE,
    ),
]


def draw() -> Figure:
    """Draw a panel for each."""
    plt.rcParams.update({"font.family": "DejaVu Sans", "font.size": 8, "text.color": INK})
    figure, axes = plt.subplots(3, 4, figsize=(10, 5.6), sharex=True, sharey=True)
    steps = np.arange(STEPS + 1, dtype="int32")
    for axis, (name, note, schedule, color) in zip(axes.flat, PANELS, strict=True):
        rates = [float(ops.convert_to_numpy(schedule(step))) for step in steps]
        axis.fill_between(steps, rates, color=color, alpha=0.10, linewidth=0)
        axis.plot(steps, rates, color=color, linewidth=1.6, solid_joinstyle="round")
        axis.set_title(name, loc="left", fontsize=9.5, fontweight="bold", color=INK, pad=16)
        axis.text(0.0, 1.05, note, transform=axis.transAxes, fontsize=7.5, color=QUIET)
        for side in ("top", "right", "left"):
            axis.spines[side].set_visible(False)
        axis.spines["bottom"].set_color("#c8c8c8")
        axis.tick_params(length=0, colors=QUIET, labelsize=7)
        axis.set_yticks([0, 0.5, 1.0])
        axis.set_xticks([0, 300, 600, 900])
        axis.grid(axis="y", color="#e8e8e8", linewidth=0.7)
        axis.set_axisbelow(True)
        axis.set_xlim(0, STEPS)
        axis.set_ylim(0, 1.06)
    for axis in axes[-1]:
        axis.set_xlabel("step", color=QUIET, fontsize=7.5)
    for axis in axes[:, 0]:
        axis.set_ylabel("rate / peak", color=QUIET, fontsize=7.5)
    figure.tight_layout(h_pad=1.6, w_pad=1.6)
    return figure
