"""The look of all pictures: colours that colour-blind readers tell apart, on white."""

import pathlib
from collections.abc import Sequence

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

FIGURES = pathlib.Path(__file__).parents[1] / "figures"
BLUE, ORANGE, GREEN, PURPLE, GREY = "#0072B2", "#D55E00", "#009E73", "#AA4499", "#7A7A7A"
COLOURS = (BLUE, ORANGE, GREEN, PURPLE)
INK = "#222222"


def panels(count: int, height: float = 3.9, width: float = 10.0) -> tuple[Figure, Sequence[Axes]]:
    """Create a figure with panels side by side."""
    plt.rcParams.update(
        {
            "font.family": "DejaVu Sans",
            "font.size": 10,
            "text.color": INK,
            "axes.labelcolor": INK,
            "svg.hashsalt": "keras_optim",
            "svg.fonttype": "path",
        }
    )
    figure, axes = plt.subplots(1, count, figsize=(width, height), layout="constrained")
    return figure, [axes] if count == 1 else list(axes)


def curves(axes: Axes, title: str, x: str, y: str) -> None:
    """Dress a panel of curves."""
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold")
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(axis="y", color="#E8E8E8", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)


def landscape(axes: Axes, title: str) -> None:
    """Dress a panel with the lines of equal loss of a function of two weights."""
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold")
    axes.set_xlabel("first weight")
    axes.set_ylabel("second weight")
    axes.tick_params(length=0, labelsize=8, colors=GREY)
    for spine in axes.spines.values():
        spine.set_color("#CCCCCC")


def key(axes: Axes, **options: object) -> None:
    """Add the names of the lines."""
    axes.legend(frameon=False, fontsize=9, **options)


def save(figure: Figure, path: pathlib.Path) -> pathlib.Path:
    """Write a figure, byte for byte the same for the same numbers."""
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = {"Date": None} if path.suffix == ".svg" else {"Software": None}
    figure.savefig(path, dpi=130, facecolor="white", metadata=metadata)
    plt.close(figure)
    return path
