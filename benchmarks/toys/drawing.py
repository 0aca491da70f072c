"""Drawings of paths on toy functions, as SVG: one optimizer, several together, or all.

A ring marks the start, a cross each minimum, a dot the end. The same paths give the same bytes.
"""

import re
import textwrap
from collections.abc import Mapping, Sequence

from benchmarks.toys import moving as animation
from benchmarks.toys import svg
from benchmarks.toys.contenders import FEATURED
from benchmarks.toys.functions import Function
from benchmarks.toys.landscape import Panel
from benchmarks.toys.moving import Trail
from benchmarks.toys.paths import Path, shortened
from benchmarks.toys.tuning import RULE
from keras_optim.compare.report.axes_style import plain
from keras_optim.compare.report.palette import Style, styles

MOST = 10
"""Paths in one panel; more cannot be told apart."""
WIDTH = 440.0
_LEFT, _TOP = 38.0, 62.0
_SEVERAL = 46.0
"""Top of a panel whose title is one line."""
_COLUMNS, _SMALL = 8, 118.0
_NOTE = textwrap.wrap(RULE, 80)


def still(function: Function, optimizer: str, path: Path) -> str:
    """Draw the path of one optimizer.

    Args:
        function: Of the path.
        optimizer: Its label.
        path: As `benchmarks.toys.paths` reads it.

    Returns:
        The text of an SVG file.
    """
    return _alone(function, optimizer, path, moves=False)


def moving(function: Function, optimizer: str, path: Path) -> str:
    """Draw the path of one optimizer as an animation; arguments as for `still`."""
    return _alone(function, optimizer, path, moves=True)


def overview(
    function: Function, paths: Mapping[str, Path], labels: Sequence[str] = FEATURED
) -> str:
    """Draw the paths of several optimizers in one panel.

    Args:
        function: Of the paths.
        paths: By label.
        labels: Those to draw, as far as they have a path; at most ten.

    Returns:
        The text of an SVG file.

    Raises:
        ValueError: more than ten labels.
    """
    return _together(function, paths, labels, moves=False)


def race(function: Function, paths: Mapping[str, Path], labels: Sequence[str] = FEATURED) -> str:
    """Draw several optimizers as an animation; arguments as for `overview`."""
    return _together(function, paths, labels, moves=True)


def gallery(function: Function, paths: Mapping[str, Path]) -> str:
    """Draw all paths, each in a small panel of its own; arguments as for `overview`."""
    first = Panel(function, 0.0, 0.0, _SMALL)
    across, down = _SMALL + 10, first.height + 30
    parts = [
        svg.text(10, 22, f"{function.title}: every path", "t"),
        svg.text(10, 37, f"{function.formula}; value after {function.steps} steps", "q"),
        f'<defs>{first.clip("small")}<g id="land">{first.bands}</g></defs>',
    ]
    for place, (label, path) in enumerate(paths.items()):
        row, column = divmod(place, _COLUMNS)
        few = shortened(path, function, 1 / 150, 60, 5)
        trail = Trail("", first.points(few), few.at, style_of(label))
        x, y = 10 + column * across, 62 + row * down
        parts.append(
            f'<g transform="translate({x:g} {y:g})"><use href="#land" class="land"/>{first.frame}'
            f'<g clip-path="url(#small)">{first.marks}{animation.still(trail)}</g>'
            f"{svg.text(0, -4, _cut(label, 15), 's')}"
            f"{svg.text(_SMALL, -4, _value(path), 'q s e')}</g>"
        )
    rows = -(-len(paths) // _COLUMNS)
    height = 62 + rows * down
    parts += [svg.text(10, height - 8 + 11 * k, note, "q s") for k, note in enumerate(_NOTE)]
    text = f"Small panels with the paths of {len(paths)} optimizers on {function.formula}."
    title = f"{function.title}: every path"
    return svg.document(20 + _COLUMNS * across - 10, height + 22, title, text, "".join(parts))


def summary(path: Path, function: Function) -> str:
    """Return rate and result of a path in words."""
    end = "diverged at each rate"
    if path.value is not None:
        end = f"value {_value(path)} after {function.steps} steps"
    if path.solved is not None:
        end += f", within 0.001 from step {path.solved}"
    own = "its own" if path.half_decades in (None, 0) else f"{_multiple(path)} times its own"
    return f"rate {plain(path.rate)} ({own}); {end}"


def style_of(optimizer: str) -> Style:
    """Return the style of an optimizer, the same in every drawing of one path."""
    return styles([optimizer])[optimizer]


def _alone(function: Function, optimizer: str, path: Path, moves: bool) -> str:
    panel = Panel(function, _LEFT, _TOP, WIDTH)
    name = _identifier(function.name, optimizer)
    trail = Trail(name, panel.points(path), path.at, style_of(optimizer))
    line = animation.moving(trail, function.steps) if moves else animation.still(trail)
    form = f", {path.form}" if path.form else ""
    parts = [
        svg.text(_LEFT, 21, _cut(f"{optimizer} on {function.title}", 52), "t"),
        svg.text(_LEFT, 37, summary(path, function), "q"),
        svg.text(_LEFT, 51, f"{function.formula}{form}", "q"),
        *_inside(panel, name, line),
    ]
    return _finished(panel, parts, f"{optimizer} on {function.title}", [optimizer], moves, WIDTH)


def _together(
    function: Function, paths: Mapping[str, Path], labels: Sequence[str], moves: bool
) -> str:
    labels = [label for label in labels if label in paths]
    if len(labels) > MOST:
        raise ValueError(f"at most {MOST} paths share a panel. Received: {len(labels)}")
    panel = Panel(function, _LEFT, _SEVERAL, 1.25 * WIDTH)
    name = _identifier(function.name, "race" if moves else "overview")
    lines, rows = [], []
    apart = styles(labels)
    for number, label in enumerate(labels):
        path = paths[label]
        own = f"{name}-{number}"
        trail = Trail(own, panel.points(path), path.at, apart[label])
        lines.append(
            animation.moving(trail, function.steps, label) if moves else animation.still(trail)
        )
        rows.append(_row(panel, number, label, path, apart[label]))
    parts = [
        svg.text(_LEFT, 21, f"{function.title}: {function.lesson}", "t"),
        svg.text(_LEFT, 37, function.formula, "q"),
        *_inside(panel, name, "".join(lines)),
        *rows,
    ]
    title = f"{function.title}: paths of {len(labels)} optimizers"
    return _finished(panel, parts, title, labels, moves, panel.width + 185)


def _inside(panel: Panel, name: str, lines: str) -> list[str]:
    clip = f"{name}-clip"
    return [
        f'<defs>{panel.clip(clip)}</defs><g class="land">{panel.bands}</g>{panel.ticks}',
        f'<g clip-path="url(#{clip})">{panel.marks}{lines}</g>{panel.frame}',
    ]


def _row(panel: Panel, number: int, label: str, path: Path, style: Style) -> str:
    """Return the line of an optimizer beside the panel."""
    x, y = panel.left + panel.width + 14, panel.top + 10 + 36 * number
    sample = f'<path class="p c{style.number}"{svg.dashes(style.dash)} d="M{x:g} {y:g}h26"/>'
    dot = f'<circle class="edge d{style.number}" cx="{x + 26:g}" cy="{y:g}" r="4.2"/>'
    rate = f"rate {plain(path.rate)}, value {_value(path)}"
    return (
        sample
        + dot
        + svg.text(x + 36, y + 4, _cut(label, 20))
        + svg.text(x + 36, y + 16, rate, "q")
    )


def _finished(
    panel: Panel, parts: list[str], title: str, labels: Sequence[str], moves: bool, width: float
) -> str:
    """Add time line and footer, and make the file."""
    function = panel.function
    bottom = panel.top + panel.height + 28
    if moves:
        parts.append(animation.time_line(panel.left, bottom, panel.width, function.steps))
        bottom += 28
    parts += [svg.text(panel.left, bottom + 11 * k, note, "q s") for k, note in enumerate(_NOTE)]
    text = (
        f"Contours of {function.formula}, and the paths of {', '.join(labels)} from "
        f"{function.start}, {function.steps} steps. Dark regions are low."
    )
    height = bottom + 11 * len(_NOTE)
    return svg.document(panel.left + width + 12, height, title, text, "".join(parts))


def _value(path: Path) -> str:
    if path.value is None:
        return "diverged"
    short = float(f"{path.value:.2g}")
    return plain(short) if short >= 1e-4 or not short else f"{short:.2g}"


def _multiple(path: Path) -> str:
    assert path.half_decades is not None
    return plain(float(f"{10 ** (path.half_decades / 2):.2g}"))


def _cut(label: str, most: int) -> str:
    return label if len(label) <= most else f"{label[: most - 1]}…"


def _identifier(*words: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", "-".join(words).lower()).strip("-")
