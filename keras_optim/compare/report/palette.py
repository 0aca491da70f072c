"""Colours, dashes and markers of optimizers: one style for a name in every figure."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

# Okabe and Ito (2008), which stay apart for colour-blind readers, without their yellow, which is
# too pale for a line on white; wine comes from Tol (2021).
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#882255")
DASHES: tuple[Any, ...] = (
    "solid",
    (0, (5, 1.6)),
    (0, (1.2, 1.2)),
    (0, (6, 1.5, 1.2, 1.5)),
    (0, (9, 2)),
    (0, (3, 1.2, 1.2, 1.2, 1.2, 1.2)),
)
MARKERS = ("", "o", "^", "s")
STYLES = len(COLORS) * len(DASHES) * len(MARKERS)
FEW = 10
"""Curves that a reader can tell apart by their colours, and one or two dashes."""
FAMILIAR = ("adam", "sgd", "adamw", "rmsprop", "muon", "lion", "nadam", "adagrad")
"""Those that meet most often; each has a solid line in a colour of its own."""

INK, QUIET, FAINT, PAPER, REST = "#222222", "#6b6b6b", "#e4e4e4", "#ffffff", "#c4c4c4"
"""Text; notes; grids; background; curves that are not named."""

SETTINGS: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "text.color": INK,
    "text.parse_math": False,
    "figure.facecolor": PAPER,
    "axes.facecolor": PAPER,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": QUIET,
    "axes.titlecolor": INK,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.8,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "lines.linewidth": 1.7,
    "lines.solid_capstyle": "round",
    "svg.fonttype": "none",
    "svg.hashsalt": "keras_optim",
    "path.simplify": True,
}
"""matplotlib's settings for every figure. Labels of users may hold `$`, so no text is TeX."""


@dataclass(frozen=True)
class Style:
    """Style of the curve of one optimizer."""

    color: str
    dash: Any
    marker: str

    @property
    def number(self) -> int:
        """The place of the colour in `COLORS`, for pages whose dark scheme has its own."""
        return COLORS.index(self.color)

    @property
    def line(self) -> dict[str, Any]:
        """Arguments of `plot`; the markers keep their distance for any number of points."""
        markers = {"marker": self.marker, "markersize": 4, "markevery": 0.12} if self.marker else {}
        return {"color": self.color, "linestyle": self.dash, **markers}


def styles(labels: Sequence[str]) -> dict[str, Style]:
    """Return the style of each label of a comparison.

    The catalog fixes those of its names. That of another label (`sgd[momentum=0.9]`) follows from
    its text; if two of one comparison would be equal, the later takes the next style. Among at most
    ten, a colour comes twice only if all are in use.
    """
    places = {label: known_places().get(label, -1) for label in labels}
    taken = set(places.values())
    for label in (label for label in labels if places[label] < 0):
        start = int(hashlib.sha256(label.encode()).hexdigest()[:8], 16)
        free = (p for k in range(STYLES) if (p := (start + k) % STYLES) not in taken)
        places[label] = next(free, start % STYLES)
        taken.add(places[label])
    found = {label: _style(place) for label, place in places.items()}
    return found if len(found) > FEW else _apart(found)


def _apart(found: dict[str, Style]) -> dict[str, Style]:
    """Give labels other colours where theirs are in use, as long as some are free."""
    apart: dict[str, Style] = {}
    for label, own in found.items():
        used = [style.color for style in apart.values()]
        known = set(apart.values())
        candidates = [replace(own, color=color) for color in (own.color, *COLORS)]
        apart[label] = min(candidates, key=lambda s: (used.count(s.color), s in known))
    return apart


@cache
def known_places() -> dict[str, int]:
    """Number the names of the catalog, the familiar first. This imports Keras."""
    from keras_optim.catalog import ALGORITHMS, COMBINATIONS, WRAPPERS

    names = (row.name for row in (*ALGORITHMS, *WRAPPERS, *COMBINATIONS))
    return {name: place for place, name in enumerate(dict.fromkeys((*FAMILIAR, *names)))}


def _style(place: int) -> Style:
    row, column = divmod(place, len(COLORS))
    marker = MARKERS[row // len(DASHES) % len(MARKERS)]
    return Style(COLORS[column], DASHES[row % len(DASHES)], marker)
