"""Figures: one for each run with all its plots, and one for each plot with all optimizers."""

import hashlib
from collections.abc import Sequence
from io import BytesIO
from itertools import groupby
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure
from PIL import Image

from benchmarks.report import palette
from benchmarks.report.comparisons import comparison
from benchmarks.report.curves import Curves
from benchmarks.report.plots import plots
from benchmarks.report.run_panels import panels
from benchmarks.results.runs import Run

DPI = 150
LONGEST = 255
"""Characters of a file's name; labels have one byte per character."""
MOST_PIXELS = 1.8e6
"""A figure of very many optimizers is large; its resolution is lowered to stay within this."""


def draw(runs: Sequence[Run], names: Sequence[str], folder: Path) -> int:
    """Draw every run that finished and, per workload, all of them together.

    Args:
        runs: All runs of the comparison.
        names: The catalog, which fixes the colours.
        folder: The folder of the figures.

    Returns:
        The number of figures.
    """
    folder.mkdir(parents=True, exist_ok=True)
    labels = list(dict.fromkeys(run.spec["optimizer"] for run in runs))
    styles = palette.styles(labels, names)
    count = 0
    with matplotlib.rc_context(palette.SETTINGS):
        for workload, group in groupby(runs, key=lambda run: run.spec["workload"]):
            both = [(run, Curves.of(run)) for run in group if run.finished]
            finished = [run for run, curve in both if len(curve.steps)]
            curves = [curve for _, curve in both if len(curve.steps)]
            for run, curve in zip(finished, curves, strict=True):
                figure = panels(run, curve, styles[curve.label])
                save(figure, folder / file_name(curve.label, f"_{workload}.png"))
            together = plots(finished[0].metric) if finished else []
            for plot in together:
                figure = comparison(finished[0], plot, curves, styles)
                save(figure, folder / f"{plot.name}_{workload}.png")
            count += len(finished) + len(together)
    return count


def file_name(label: str, ending: str) -> str:
    """Join `label`, without the brackets that shells and Markdown interpret, and `ending`.

    File systems take 255 bytes, so a longer name keeps its beginning, and a hash for the rest.

    >>> file_name("sgd[momentum=0.9]", "_digits.png")
    'sgd-momentum=0.9_digits.png'
    """
    name = label.replace("[", "-").replace("]", "-").rstrip("-")
    if len(name + ending) > LONGEST:
        mark = f"-{hashlib.sha256(label.encode()).hexdigest()[:12]}"
        name = name[: LONGEST - len(mark + ending)] + mark
    return name + ending


def save(figure: Figure, path: Path) -> None:
    """Write a PNG with a palette, a third of the size of one with full colours."""
    width, height = figure.get_size_inches()
    dpi = min(DPI, (MOST_PIXELS / (width * height)) ** 0.5)
    buffer = BytesIO()
    figure.savefig(buffer, dpi=dpi)
    with Image.open(buffer) as image:
        image.convert("RGB").quantize(128).save(path, optimize=True, dpi=(dpi, dpi))
