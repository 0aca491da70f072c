"""Axes that fit their values: linear, logarithmic, and logarithmic in the error."""

from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import (
    FixedLocator,
    FuncFormatter,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    NullLocator,
)

Axis = Literal["linear", "logarithmic", "error"]
TICKS = (
    *(0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85),
    *(0.9, 0.93, 0.95, 0.97, 0.98, 0.99, 0.995, 0.999),
)
"""Places for the ticks of an error axis."""
MOST = 0.9995
"""A value above this is drawn here, because 1 would be infinitely high."""


def kind(values: Any, higher: bool) -> Axis:
    """Choose the axis of a metric: by the error for shares such as an accuracy."""
    values = finite(values)
    if higher and len(values) and values.min() >= 0 and values.max() <= 1:
        return "error"
    if not higher and len(values) and values.min() > 0 and values.max() > 2 * values.min():
        return "logarithmic"
    return "linear"


def scale(axes: Axes, axis: Axis, values: Any, ceiling: float = np.inf) -> None:
    """Make a y axis of the kind `axis` that fits `values`, up to `ceiling`."""
    values = finite(values)
    values = values[values <= ceiling]
    {"error": error_axis, "linear": linear_axis, "logarithmic": logarithmic_axis}[axis](
        axes, values
    )


def linear_axis(axes: Axes, values: Any) -> None:
    """Make a y axis that fits `values`."""
    values = finite(values)
    low, high = (values.min(), values.max()) if len(values) else (0.0, 1.0)
    margin = 0.04 * (high - low) or 0.05 * abs(high) or 0.5
    axes.set_ylim(low - margin, high + margin)
    axes.yaxis.set_major_locator(MaxNLocator(6))


def logarithmic_axis(axes: Axes, values: Any, which: Literal["x", "y"] = "y") -> None:
    """Make a logarithmic axis that fits the positive `values`."""
    values = finite(values)
    values = values[values > 0]
    low, high = (values.min(), values.max()) if len(values) else (0.1, 1.0)
    margin = max(high / low, 1.2) ** 0.06
    getattr(axes, f"set_{which}scale")("log")
    getattr(axes, f"set_{which}lim")(low / margin, high * margin)
    decades = np.log10(high / low)
    axis = getattr(axes, f"{which}axis")
    subs = (1, 2, 5) if decades < 2.5 else (1,)
    axis.set_major_locator(MaxNLocator(5) if decades < 0.6 else LogLocator(10, subs, numticks=8))
    axis.set_major_formatter(FuncFormatter(plain))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


def plain(value: float, _: Any = None) -> str:
    """Write the number of a tick: plainly from 1e-4 to 1e6, else as a power of ten.

    >>> plain(0.02), plain(25000.0), plain(1e-7)
    ('0.02', '25,000', '10⁻⁷')
    """
    if value <= 0 or 1e-4 <= value < 1000:
        return f"{value:.3g}"
    if 1000 <= value < 1e6:
        return f"{value:,.0f}"
    exponent = f"{np.log10(value):.0f}".translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"10{exponent}"


def error_axis(axes: Axes, values: Any) -> None:
    """Make a y axis for values in [0, 1] that is logarithmic in the error, 1 - y.

    So .98 and .99 stay apart although the curves may begin at .1.
    """
    values = drawable(finite(values), "error")
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


def time_axis(axes: Axes, epochs: int) -> None:
    """Make an x axis over all `epochs`, with room for the markers at its ends."""
    axes.set_xlim(-0.012 * epochs, 1.012 * epochs)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))


def drawable(values: Any, axis: Axis) -> Any:
    """Keep `values` short of 1 on an error axis."""
    return np.clip(values, 0, MOST) if axis == "error" else values


def finite(values: Any) -> Any:
    """Return the finite ones of `values`, in one row."""
    values = np.asarray(values, dtype=float).ravel()
    return values[np.isfinite(values)]
