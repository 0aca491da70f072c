"""Frame of a figure: its panels, title and footer, and labels at the ends of curves."""

import io
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from keras_optim.compare.comparison import Setting
from keras_optim.compare.report.palette import INK, QUIET

TOP, BOTTOM = 1.05, 1.0
"""Inches of title and of axis label with footer."""
LETTER = 0.0074
"""Width of a letter, in inches for each point of its size."""


class NotebookFigure(Figure):
    """Figure that a notebook shows without pyplot."""

    def _repr_png_(self) -> bytes:
        file = io.BytesIO()
        self.savefig(file, format="png", dpi=110)
        return file.getvalue()


def panels(
    widths: Sequence[float],
    height: float,
    left: float = 0.7,
    right: float = 0.2,
    gap: float = 0.65,
    top: float = TOP,
) -> tuple[Figure, list[Axes]]:
    """Make panels beside each other, all lengths in inches."""
    width = left + sum(widths) + gap * (len(widths) - 1) + right
    total = height + top + BOTTOM
    figure = NotebookFigure(figsize=(width, total))
    axes, x = [], left
    for inches in widths:
        axes.append(figure.add_axes((x / width, BOTTOM / total, inches / width, height / total)))
        x += inches + gap
    return figure, axes


def frame(figure: Figure, title: str, subtitle: str, setting: Setting, left: float = 0.15) -> None:
    """Write the title above the figure, and the conditions of its runs below it."""
    width, height = figure.get_size_inches()

    def write(text: str, y: float, size: float, **options: Any) -> None:
        figure.text(left / width, y / height, text, fontsize=size, va="center", **options)

    write(fitted(title, width - 0.3, 14)[0], height - 0.3, 14, fontweight="bold", color=INK)
    lines = fitted(subtitle, width - 0.3, 9, 2)
    for k, line in enumerate(lines):
        write(line, height - 0.54 - 0.15 * k, 9, color=QUIET)
    room = 0.92 * (width - 0.3)  # names of optimizers have wider letters than other text
    for k, line in enumerate(reversed(fitted(footer(setting), room, 7.5, 3))):
        write(line, 0.12 + 0.13 * k, 7.5, color=QUIET)


def footer(setting: Setting) -> str:
    """Describe the conditions of a comparison: budget, seeds, backend, machine, command."""
    count = len(setting.seeds)
    seeds = "1 seed, no spread" if count == 1 else f"{count} seeds, median and 25-75 % band"
    version = setting.versions.get(setting.backend, "")
    backend = " ".join(filter(None, (setting.backend, version, setting.precision)))
    parts = (setting.budget, seeds, backend, setting.machine, setting.command)
    return " · ".join(" ".join(part.split()) for part in parts if part)


def fitted(text: str, inches: float, size: float, lines: int = 1) -> list[str]:
    """Break `text` into lines of that width, and shorten the last if it is longer."""
    letters = max(int(inches / (LETTER * size)), 12)
    text = " ".join(text.split())
    broken = textwrap.wrap(text, letters, max_lines=lines, placeholder=" …", break_on_hyphens=False)
    if broken and broken != [" …"] and broken != ["…"]:
        return broken
    return [f"{text[: letters - 1]}…"] if text else [""]


def label_ends(
    axes: Axes,
    ends: Sequence[tuple[float, float]],
    texts: Sequence[str],
    lines: Sequence[dict[str, Any]],
) -> None:
    """Write a text with a sample of its line on the right of `axes` for the end of each curve.

    An end at NaN has no place in the axes: its label is below all others.
    """
    figure = axes.figure
    _, low, _, high = axes.bbox.extents
    known = [bool(np.isfinite(end).all()) for end in ends]
    wanted = [
        float(np.clip(axes.transData.transform(end)[1], low, high)) if there else low - 1
        for end, there in zip(ends, known, strict=True)
    ]
    places = spread(wanted, 0.165 * figure.dpi, low, high)
    width = axes.bbox.width / figure.dpi
    for end, there, place, text, line in zip(ends, known, places, texts, lines, strict=True):
        y = (place - low) / (high - low)
        if there:
            _connect(axes, end, (1 + 0.24 / width, y), line["color"])
        sample = np.array([1 + 0.27 / width, 1 + 0.62 / width])
        style = {**line, "markevery": [1]} if "marker" in line else line
        axes.plot(sample, [y, y], transform=axes.transAxes, clip_on=False, **style)
        where: dict[str, Any] = {"transform": axes.transAxes, "va": "center", "fontsize": 8.5}
        axes.text(1 + 0.7 / width, y, text, color=INK, **where)


def _connect(axes: Axes, end: tuple[float, float], label: tuple[float, float], color: str) -> None:
    """Draw a thin line from the end of a curve to its label."""
    axes.annotate(
        "",
        xy=end,
        xytext=label,
        textcoords="axes fraction",
        arrowprops={"arrowstyle": "-", "color": color, "linewidth": 0.6},
        annotation_clip=False,
    )


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Place labels as near as possible to `wanted` and at least `gap` apart.

    All lie between `low` and `high`; without room for that, they are closer together.

    >>> spread([5.0, 5.0, 9.0], 2.0, 0.0, 10.0)
    [4.0, 6.0, 9.0]
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
