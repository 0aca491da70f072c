"""Picture of a sweep over learning rates; needs matplotlib."""

import contextlib
from typing import Any

LINE, POINTS, MARK = "#2a6f97", "#9db8ca", "#bc6c25"


def draw_rates(finder: Any, path: Any = None, ax: Any = None) -> Any:
    """Draw the sweep of a `LearningRateFinder`; see its `plot`."""
    smoothed = finder.smoothed
    count = len(smoothed)
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("LearningRateFinder.plot needs matplotlib.") from error
    if ax is None:
        options: dict[str, Any] = {"figsize": (7, 4), "layout": "constrained"}
        if path is None:
            from matplotlib import pyplot

            ax = pyplot.figure(**options).subplots()
        else:
            ax = Figure(**options).subplots()
    ax.plot(finder.rates[:count], finder.losses[:count], ".", color=POINTS, markersize=4)
    ax.plot(finder.rates[:count], smoothed, color=LINE, linewidth=2)
    with contextlib.suppress(ValueError):  # without a suggestion, the picture shows why
        _mark(ax, finder.suggestion, finder.rates, smoothed)
    low, high = float(smoothed.min()), float(smoothed.max())
    margin = high - low or 1.0
    ax.set_ylim(low - 0.25 * margin, high + 0.4 * margin)
    ax.set_xscale("log")
    ax.set_xlabel("learning rate", color="#555555")
    ax.set_ylabel("loss of the batch", color="#555555")
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["bottom", "left"]].set_color("#c8c8c8")
    ax.tick_params(colors="#777777")
    ax.grid(axis="y", color="#eeeeee")
    ax.set_axisbelow(True)
    if path is not None:
        ax.figure.savefig(path, dpi=130)
    return ax


def _mark(ax: Any, suggestion: float, rates: list[float], smoothed: Any) -> None:
    import numpy as np

    ax.axvline(suggestion, color=MARK, linewidth=1, linestyle=(0, (4, 3)))
    height = float(np.interp(np.log(suggestion), np.log(rates[: len(smoothed)]), smoothed))
    ax.plot([suggestion], [height], "o", color=MARK, markersize=6)
    ax.annotate(
        f"suggestion {suggestion:.2g}",
        (suggestion, height),
        xytext=(-8, -12),
        textcoords="offset points",
        ha="right",
        color=MARK,
    )
