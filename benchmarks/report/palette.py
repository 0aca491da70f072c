"""Colours and line styles that all figures share."""

from collections.abc import Sequence
from typing import Any

# Okabe and Ito (2008), which stay apart for colour-blind readers, without their yellow, which is
# too pale for a line on white; wine comes from Tol (2021).
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#882255")
DASHES: tuple[Any, ...] = (
    "solid",
    (0, (5, 1.6)),
    (0, (1.2, 1.2)),
    (0, (6, 1.5, 1.2, 1.5)),
    (0, (9, 2)),
    (0, (3, 1.2, 1.2, 1.2, 1.2, 1.2)),
)
INK, QUIET, FAINT = "#222222", "#707070", "#E4E4E4"

SETTINGS: Any = {
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": QUIET,
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
}
"""matplotlib's settings for every figure."""


def styles(labels: Sequence[str], names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return colour and line style of each label.

    The catalog fixes the style of its algorithms in every figure; other labels
    (`sgd[momentum=0.9]`) take the next styles in their order. 48 styles differ.
    """
    places = list(dict.fromkeys((*names, *labels)))

    def style(place: int) -> dict[str, Any]:
        row = place // len(COLORS) % len(DASHES)
        return {"color": COLORS[place % len(COLORS)], "linestyle": DASHES[row]}

    return {label: style(places.index(label)) for label in labels}
