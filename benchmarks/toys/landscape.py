"""Landscape of a function: bands of its levels, start, minima and axes of a panel."""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from keras import ops

from benchmarks.toys import svg
from benchmarks.toys.functions import Function
from benchmarks.toys.paths import Path

QUANTILES = (0.015, 0.05, 0.11, 0.19, 0.29, 0.41, 0.55, 0.7, 0.86)
FEW = (0.12, 0.4, 0.7)
"""Shares of the area below each level; few for a function with many wells."""
GRID = 161
FAR = 3000.0
"""The farthest that a path is drawn outside, in units of the drawing."""


@dataclass(frozen=True, eq=False)
class Panel:
    """Rectangle of a drawing in which a function lies."""

    function: Function
    left: float
    top: float
    width: float

    @property
    def height(self) -> float:
        """Its height, so that both axes have one unit."""
        (left, bottom), (right, top) = self.function.low, self.function.high
        return self.width * (top - bottom) / (right - left)

    def place(self, x: Any, y: Any) -> Any:
        """Return places in the drawing, of shape (count, 2)."""
        (left, bottom), (right, top) = self.function.low, self.function.high
        across = (np.asarray(x, "float64") - left) / (right - left) * self.width
        down = (top - np.asarray(y, "float64")) / (top - bottom) * self.height
        offset = np.array([self.left, self.top])
        return np.clip(np.stack([across, down], -1), -FAR, FAR) + offset

    @cached_property
    def bands(self) -> str:
        """The regions below each level, one upon the other, so that valleys are dark.

        Their colour is that of the group around them.
        """
        import contourpy
        from matplotlib import rc_context
        from matplotlib.path import Path as Outline

        (left, bottom), (right, top) = self.function.low, self.function.high
        x, y = np.linspace(left, right, GRID), np.linspace(bottom, top, GRID)
        values = np.log(np.maximum(_values(self.function, x, y), 1e-12))
        shares = FEW if self.function.name == "rastrigin" else QUANTILES
        lines = contourpy.contour_generator(x, y, values, fill_type="OuterOffset")
        parts = []
        with rc_context({"path.simplify_threshold": 1.0 if shares is FEW else 0.35}):
            for level in np.quantile(values, shares):
                found: Any = lines.filled(-50.0, float(level))
                outlines, offsets = found
                data = ""
                for points, ends in zip(outlines, offsets, strict=True):
                    for a, b in pairwise(ends):
                        ring = Outline(self.place(*points[a:b].T))
                        ring.should_simplify = True
                        kept: Any = ring.cleaned(simplify=True)
                        data += svg.line(kept.vertices[kept.codes != Outline.STOP], closed=True)
                parts.append(f'<path fill-rule="evenodd" d="{data}"/>')
        return "".join(parts)

    @property
    def frame(self) -> str:
        """Its border."""
        return (
            f'<rect class="box" x="{self.left:g}" y="{self.top:g}" width="{self.width:g}" '
            f'height="{self.height:g}"/>'
        )

    def clip(self, name: str) -> str:
        """Return a clip of this id, for paths that leave the panel."""
        return (
            f'<clipPath id="{name}"><rect x="{self.left:g}" y="{self.top:g}" '
            f'width="{self.width:g}" height="{self.height:g}"/></clipPath>'
        )

    @property
    def marks(self) -> str:
        """A ring at the start, a cross at each minimum."""
        [(x, y)] = self.place(*np.array([self.function.start]).T)
        parts = [f'<circle class="mark" cx="{x:.1f}" cy="{y:.1f}" r="4"/>']
        for x, y in self.place(*np.array(self.function.minima).T):
            parts.append(f'<path class="mark" d="M{x - 4:.1f} {y - 4:.1f}l8 8m0-8l-8 8"/>')
        return "".join(parts)

    @property
    def ticks(self) -> str:
        """Numbers along both axes."""
        from matplotlib.ticker import MaxNLocator

        (left, bottom), (right, top) = self.function.low, self.function.high
        parts = []
        for value in MaxNLocator(7, steps=[1, 2, 5, 10]).tick_values(left, right):
            if left <= value <= right:
                [(x, y)] = self.place([value], [bottom])
                parts.append(svg.text(round(x, 1), y + 11, f"{value:g}", "q m"))
        for value in MaxNLocator(6, steps=[1, 2, 5, 10]).tick_values(bottom, top):
            if bottom <= value <= top:
                [(x, y)] = self.place([left], [value])
                parts.append(svg.text(x - 4, round(y + 3, 1), f"{value:g}", "q e"))
        return "".join(parts)

    def points(self, path: Path) -> Any:
        """Return the places of a path."""
        return self.place(path.x, path.y)


def _values(function: Function, x: Any, y: Any) -> Any:
    across, up = (ops.convert_to_tensor(v, "float32") for v in np.meshgrid(x, y))
    return np.array(ops.convert_to_numpy(function.value(across, up)), "float64")
