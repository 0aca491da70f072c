"""Paths that draw themselves: animations inside of SVG, with a time line of the steps.

Where a reader asks for less motion, the whole paths stand still instead.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.toys import svg
from keras_optim.compare.report.palette import Style

SECONDS = 8.0
"""Of a round."""
SHARE = 0.82
"""Of a round until the last step; then the paths stand."""
_APPEARING = (
    f'<animate attributeName="opacity" dur="{SECONDS:g}s" repeatCount="indefinite" '
    'keyTimes="0;.1;.2;1" values="0;0;1;1"/>'
)
"""Of labels: where the paths begin, they would lie on each other."""
TICKS = (0, 10, 50, 100, 200, 300, 500)


@dataclass(frozen=True, eq=False)
class Trail:
    """Path in a drawing."""

    name: str
    """Beginning of its ids."""
    places: Any
    at: Any
    """Step of each place."""
    style: Style


def still(trail: Trail) -> str:
    """Return a whole path."""
    style = f'class="p c{trail.style.number}"{svg.dashes(trail.style.dash)}'
    return f'<path {style} d="{svg.line(trail.places)}"/>{_dot(trail)}'


def moving(trail: Trail, steps: int, label: str = "") -> str:
    """Return a path that draws itself, and a point that travels along it, with a label."""
    data = svg.line(trail.places)
    name = f"{trail.name}-path"
    style = f'class="p c{trail.style.number}"{svg.dashes(trail.style.dash)}'
    whole = f'<g class="stay"><path {style} d="{data}"/>{_dot(trail)}</g>'
    done = _done(trail.places)
    times = [f"{_short(t)}" for t in moment(trail.at, steps)]
    timing = f'dur="{SECONDS:g}s" repeatCount="indefinite" keyTimes="{";".join([*times, "1"])}"'
    offsets = ";".join(_short(1 - d) for d in [*done, done[-1]])
    points = ";".join(_short(d) for d in [*done, done[-1]])
    grow = f'<animate attributeName="stroke-dashoffset" {timing} values="{offsets}"/>'
    travel = (
        f'<animateMotion {timing} calcMode="linear" keyPoints="{points}">'
        f'<mpath href="#{name}"/></animateMotion>'
    )
    if trail.style.dash == "solid":
        drawn = (
            f'<path id="{name}" {style} d="{data}" pathLength="1" stroke-dasharray="1 1">'
            f"{grow}</path>"
        )
    else:  # its dashes are in use, so a mask grows
        drawn = (
            f'<mask id="{trail.name}-mask" maskUnits="userSpaceOnUse" x="-9" y="-9" width="9999" '
            f'height="9999"><path id="{name}" fill="none" stroke="#fff" stroke-width="5" '
            f'd="{data}" pathLength="1" stroke-dasharray="1 1">{grow}</path></mask>'
            f'<path {style} d="{data}" mask="url(#{trail.name}-mask)"/>'
        )
    named = f"<g>{svg.text(6, -5, label, 's')}{_APPEARING}</g>" if label else ""
    dot = f'<g><circle class="edge d{trail.style.number}" r="4.2"/>{named}{travel}</g>'
    return f'{whole}<g class="go">{drawn}{dot}</g>'


def time_line(left: float, top: float, width: float, steps: int) -> str:
    """Return an axis of the steps, on which a point moves evenly: early steps take longer."""
    parts = [f'<path class="box" d="M{left:g} {top:g}h{width:g}"/>']
    for step in sorted({*(t for t in TICKS if t < steps * 0.9), steps}):
        x = left + width * float(np.sqrt(step / steps))
        parts.append(f'<path class="box" d="M{x:.1f} {top - 3:g}v6"/>')
        parts.append(svg.text(round(x, 1), top + 13, f"{step:g}", "q m"))
    parts.append(svg.text(left - 8, top + 3, "step", "q e"))
    parts.append(
        f'<circle class="ink go" cx="{left:g}" cy="{top:g}" r="4"><animate attributeName="cx" '
        f'dur="{SECONDS:g}s" repeatCount="indefinite" keyTimes="0;{SHARE:g};1" '
        f'values="{left:g};{left + width:g};{left + width:g}"/></circle>'
    )
    return "".join(parts)


def moment(at: Any, steps: int) -> Any:
    """Return the share of a round at which each step is reached: by the root of its number."""
    return SHARE * np.sqrt(np.asarray(at, "float64") / steps)


def _dot(trail: Trail) -> str:
    x, y = trail.places[-1]
    return f'<circle class="edge d{trail.style.number}" cx="{x:.1f}" cy="{y:.1f}" r="4.2"/>'


def _done(places: Any) -> Any:
    """Return the share of the length at each place."""
    lengths = np.hypot(*np.diff(places, axis=0).T)
    total = lengths.sum()
    return np.concatenate([[0.0], np.cumsum(lengths) / total if total else 0.0 * lengths])


def _short(value: float) -> str:
    return f"{value:.4f}".rstrip("0").rstrip(".").removeprefix("0") or "0"
