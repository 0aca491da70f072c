"""Style of all figures: axes that fit, places for labels, title and footer."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import (
    FixedLocator,
    FuncFormatter,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    NullLocator,
)

from benchmarks.measures import Axis
from benchmarks.report.palette import QUIET
from benchmarks.report.tables import setting
from benchmarks.results.runs import Run


def frame(figure: Figure, run: Run, title: str, subtitle: str, rate: float | None) -> None:
    """Write the title above the figure, and the settings of the training below it."""
    height = figure.get_size_inches()[1]
    left = figure.axes[0].get_position().x0
    figure.text(left, 1 - 0.32 / height, title, fontsize=15, fontweight="bold", va="center")
    figure.text(left, 1 - 0.58 / height, subtitle, fontsize=9.5, color=QUIET, va="center")
    rates = "default learning rates" if rate is None else f"learning rate {rate:g}"
    if rate is None:
        rates += " unless a label gives another"
    backend = f"{run.spec['backend']} {run.spec['versions'][run.spec['backend']]}"
    spec = {**run.spec, "backend": f"{backend} on {run.result.get('device', '?')}"}
    figure.text(
        left, 0.16 / height, f"{setting(spec)}; {rates}", fontsize=8, color=QUIET, va="center"
    )


def time_axis(axes: Axes, epochs: int) -> None:
    """Make an x axis over all `epochs`, with room for the markers at its ends."""
    axes.set_xlim(-0.012 * epochs, 1.012 * epochs)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))


def raw(axes: Axes, x: Any, y: Any, color: str, label: str) -> None:
    """Draw the values of each step, faint, as background of their smoothed curve."""
    axes.plot(x, y, color=color, alpha=0.22, linewidth=0.6, label=label)


def scale(axes: Axes, axis: Axis, values: Any, ceiling: float = np.inf) -> None:
    """Make a y axis of the kind `axis` that fits `values`, up to `ceiling` if logarithmic."""
    if axis == "logarithmic":
        logarithmic_axis(axes, values, ceiling)
    else:
        {"error": error_axis, "linear": linear_axis}[axis](axes, values)


def linear_axis(axes: Axes, values: Any) -> None:
    """Make a y axis that fits `values`."""
    values = _finite(values)
    low, high = (values.min(), values.max()) if len(values) else (0.0, 1.0)
    margin = 0.04 * (high - low) or 0.5
    axes.set_ylim(low - margin, high + margin)
    axes.yaxis.set_major_locator(MaxNLocator(6))


def logarithmic_axis(axes: Axes, values: Any, ceiling: float = np.inf) -> None:
    """Make a logarithmic y axis that fits the positive `values` up to `ceiling`.

    Numbers from 1e-4 to 1e4 are written plainly, others as powers of ten.
    """
    values = _finite(values)
    values = values[values > 0]
    low, high = (values.min(), min(values.max(), ceiling)) if len(values) else (0.1, 1.0)
    margin = max(high / low, 1.2) ** 0.06
    axes.set_yscale("log")
    axes.set_ylim(low / margin, high * margin)
    decades = np.log10(high / low)
    subs, most = next((subs, most) for limit, subs, most in _TICKS if decades < limit)
    axes.yaxis.set_major_locator(LogLocator(10, subs, numticks=most))
    axes.yaxis.set_major_formatter(FuncFormatter(_plain))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_minor_formatter(NullFormatter())


_TICKS: tuple[tuple[Any, Any, int], ...] = (
    (0.4, np.arange(1, 10, 0.5), 40),
    (0.9, (1, 1.5, 2, 3, 4, 5, 7), 40),
    (2.5, (1, 2, 5), 40),
    (np.inf, (1,), 8),
)
"""Up to this many decades, an axis has ticks at these multiples of 1, 10, ..., at most so many."""


def _plain(y: float, _: Any) -> str:
    return f"{y:.3g}" if 1e-4 <= y < 1e4 else f"$10^{{{np.log10(y):.0f}}}$"


TICKS = (
    *(0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85),
    *(0.9, 0.93, 0.95, 0.97, 0.98, 0.99, 0.995, 0.999),
)
"""Places for the ticks of an error axis."""
MOST = 0.9995
"""A value above this is drawn here, because 1 would be infinitely high."""


def error_axis(axes: Axes, values: Any) -> None:
    """Make a y axis for values in [0, 1] that is logarithmic in the error, 1 - y.

    So .98 and .99 stay apart although the curves may begin at .1.
    """
    values = np.clip(_finite(values), 0, MOST)
    low, high = (values.min(), values.max()) if len(values) else (0.0, 1.0)
    bottom, top = -np.log(1 - low), -np.log(1 - high)
    margin = 0.04 * max(top - bottom, 0.1)
    axes.set_yscale(
        "function",
        functions=(
            lambda y: -np.log(1 - np.clip(y, None, 1 - 1e-6)),
            lambda z: 1 - np.exp(-z),
        ),
    )
    bottom, top = max(bottom - margin, -0.02), top + margin
    axes.set_ylim(1 - np.exp(-bottom), 1 - np.exp(-top))
    kept: list[float] = []
    for tick in TICKS:
        place = -np.log(1 - tick)
        far = not kept or place + np.log(1 - kept[-1]) > 0.07 * (top - bottom)
        if bottom <= place <= top and far:
            kept.append(tick)
    axes.yaxis.set_major_locator(FixedLocator(kept) if len(kept) > 2 else MaxNLocator(5))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:.4g}"))


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Place labels as near as possible to `wanted` and at least `gap` apart.

    All lie between `low` and `high`; without room for that, they are closer together.
    """
    order = np.argsort(wanted, kind="stable")
    gap = min(gap, (high - low) / max(len(order) - 1, 1))
    # Groups of touching labels; two that overlap become one, centred on its members' wishes.
    groups: list[tuple[list[float], float]] = []
    for i in order:
        members = [float(wanted[i])]
        while True:
            size = gap * (len(members) - 1)
            centre = float(np.clip(np.mean(members), low + size / 2, high - size / 2))
            if not groups or centre - size / 2 - groups[-1][1] >= gap - 1e-9:
                break
            members = groups.pop()[0] + members
        groups.append((members, centre + size / 2))
    places = [end - gap * (len(m) - 1 - k) for m, end in groups for k in range(len(m))]
    result = [0.0] * len(order)
    for i, place in zip(order, places, strict=True):
        result[i] = place
    return result


def drawable(values: Any, axis: Axis) -> Any:
    """Keep `values` short of 1 on an error axis."""
    return np.clip(values, 0, MOST) if axis == "error" else values


def _finite(values: Any) -> Any:
    values = np.asarray(values, dtype=float).ravel()
    return values[np.isfinite(values)]
