"""Parts of SVG files: lines of few characters, texts, and styles for light and dark pages."""

from html import escape
from typing import Any

import numpy as np

from keras_optim.compare.report.palette import COLORS

DARK = ("#3d9fe0", "#f07a2b", "#1cc295", "#e29cc4", "#f0b429", "#8accf5", "#ffffff", "#d9609f")
"""`COLORS` on a dark page, as in the reports of comparisons."""
FONT = "'DejaVu Sans',Verdana,'Helvetica Neue',Arial,sans-serif"


def document(width: float, height: float, title: str, text: str, body: str) -> str:
    """Return a file.

    Args:
        width: Of the drawing, in its own unit.
        height: As well.
        title: Its name, for those who cannot see it.
        text: Its content, for the same.
        body: Its parts.
    """
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
        f'width="{width:g}" height="{height:g}" class="toy" role="img">'
        f"<title>{escape(title)}</title><desc>{escape(text)}</desc><style>{_style()}</style>"
        f'<rect class="paper" width="{width:g}" height="{height:g}"/>{body}</svg>\n'
    )


def _style() -> str:
    light = "".join(f"--c{k}:{color};" for k, color in enumerate(COLORS))
    dark = "".join(f"--c{k}:{color};" for k, color in enumerate(DARK))
    lines = "".join(f".toy .c{k}{{stroke:var(--c{k})}}" for k in range(len(COLORS)))
    dots = "".join(f".toy .d{k}{{fill:var(--c{k})}}" for k in range(len(COLORS)))
    return (
        f".toy{{--paper:#fff;--ink:#222;--quiet:#5f5f5f;--land:#28466e;{light}font:11px {FONT}}}"
        "@media (prefers-color-scheme:dark){.toy{--paper:#16181c;--ink:#e8e8e8;--quiet:#a6abb3;"
        f"--land:#a9c4ea;{dark}}}}}"
        ".toy text{fill:var(--ink)}.toy .q{fill:var(--quiet);font-size:9px}.toy .s{font-size:8px}"
        ".toy .t{font-weight:bold;font-size:14px}.toy .e{text-anchor:end}"
        ".toy .m{text-anchor:middle}"
        ".toy .paper{fill:var(--paper)}.toy .land{fill:var(--land);fill-opacity:.09}"
        ".toy .box{fill:none;stroke:var(--quiet);stroke-width:.7}"
        ".toy .p{fill:none;stroke-width:1.7;stroke-linejoin:round;stroke-linecap:round}"
        ".toy .edge{stroke:var(--paper);stroke-width:1.2}"
        ".toy .mark{fill:none;stroke:var(--ink);stroke-width:1.6}.toy .ink{fill:var(--ink)}"
        f"{lines}{dots}.toy .stay{{display:none}}@media (prefers-reduced-motion:reduce)"
        "{.toy .go{display:none}.toy .stay{display:inline}}"
    )


def text(x: float, y: float, content: str, kind: str = "") -> str:
    """Return a line of text."""
    return f'<text x="{x:g}" y="{y:g}"{_class(kind)}>{escape(content)}</text>'


def line(points: Any, closed: bool = False) -> str:
    """Return the data of a path, in tenths of a unit, relative to the point before.

    >>> line([(0, 0), (1.04, 2), (1.04, 2)])
    'M0 0l1 2'
    """
    tenths = np.rint(np.asarray(points, "float64") * 10).astype(int)
    new = np.concatenate([[True], (np.diff(tenths, axis=0) != 0).any(1)])
    tenths = tenths[new]
    if closed and len(tenths) < 4:
        return ""
    moves = " ".join(f"{_tenth(x)} {_tenth(y)}" for x, y in np.diff(tenths, axis=0))
    start = f"M{_tenth(tenths[0][0])} {_tenth(tenths[0][1])}"
    data = f"{start}l{moves}" if moves else f"{start}h0"
    return data.replace(" -", "-") + ("z" if closed else "")


def dashes(pattern: Any) -> str:
    """Return the attribute of a line style of matplotlib."""
    if pattern == "solid":
        return ""
    return f' stroke-dasharray="{" ".join(f"{1.7 * length:g}" for length in pattern[1])}"'


def _tenth(value: int) -> str:
    return f"{value / 10:g}".replace("0.", ".") if abs(value) < 10 else f"{value / 10:g}"


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""
