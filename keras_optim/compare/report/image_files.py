"""Image files: a figure as SVG or PNG, the same bytes each time, or as SVG within HTML."""

import re
from collections.abc import Callable
from io import BytesIO

import matplotlib
from matplotlib.figure import Figure
from PIL import Image

from keras_optim.compare.report import palette

DPI = 130
MOST_PIXELS = 2.4e6
"""A large figure gets a lower resolution, to stay within this."""

Draw = Callable[[], Figure]


def svg(draw: Draw) -> str:
    """Draw a figure as SVG."""
    with matplotlib.rc_context(palette.SETTINGS):
        buffer = BytesIO()
        draw().savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue().decode("utf-8")


def png(draw: Draw) -> bytes:
    """Draw a figure as PNG with a palette, a third of the size of one with full colours."""
    with matplotlib.rc_context(palette.SETTINGS):
        return of_figure(draw())


def of_figure(figure: Figure) -> bytes:
    """Return a figure as PNG with a palette."""
    width, height = figure.get_size_inches()
    buffer = BytesIO()
    dpi = min(DPI, (MOST_PIXELS / (width * height)) ** 0.5)
    figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    with Image.open(buffer) as image:
        small = BytesIO()
        image.convert("RGB").quantize(128).save(small, "png", optimize=True, dpi=(dpi, dpi))
    return small.getvalue()


def inline(text: str, name: str, alt: str) -> str:
    """Make a part of a page of the SVG that matplotlib wrote.

    Args:
        text: The file.
        name: Its name, unique in the page, for the beginning of all ids.
        alt: Text for those who cannot see it, with `<`, `&` and quotes escaped.
    """
    text = text[text.index("<svg") :]
    for part in ("<metadata>.*?</metadata>", "<!--.*?-->", "<style.*?</style>"):
        text = re.sub(part, "", text, flags=re.S)
    used = set(re.findall(r'<[^>]*(?:href="#|url\(#)([\w.-]+)', text))
    size = re.search(r'viewBox="[^"]*"', text)
    head = f'<svg {size[0] if size else ""} role="img" aria-label="{alt}" class="figure">'
    text = re.sub(r"<[^>]*>", lambda tag: _tag(tag[0], name, used), text)
    return re.sub(r"\s*\n\s*", "\n", re.sub(r"<svg[^>]*>", lambda _: head, text, count=1)).strip()


def width(text: str) -> float:
    """Return the width of an inline SVG in points."""
    found = re.search(r'viewBox="0 0 ([\d.]+) ', text)
    return float(found[1]) if found else 0.0


def _tag(tag: str, name: str, used: set[str]) -> str:
    """Shorten a tag: fewer digits, no unused ids, colours and fonts of the page."""

    def own(found: re.Match[str]) -> str:
        return f' id="{name}-{found[1]}"' if found[1] in used else ""

    tag = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", tag).replace("xlink:href", "href")
    tag = re.sub(r'\sid="([^"]*)"', own, tag)
    tag = re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", tag)
    tag = re.sub(r"-?\d+\.\d{2,}", lambda n: f"{float(n[0]):.2f}".rstrip("0").rstrip("."), tag)
    tag = re.sub(r"#[0-9a-f]{6}\b", lambda found: _variables().get(found[0], found[0]), tag)
    return re.sub(r"font: ([\w ]*?)([\d.]+px) [^;\"]*", r"font: \1\2 var(--font)", tag)


def _variables() -> dict[str, str]:
    """Map colours to variables of the page, so that they follow its light or dark scheme."""
    named = {"ink": palette.INK, "quiet": palette.QUIET, "faint": palette.FAINT}
    named |= {"paper": palette.PAPER, "rest": palette.REST}
    named |= {f"c{k}": color for k, color in enumerate(palette.COLORS)}
    return {color: f"var(--{name})" for name, color in named.items()}
