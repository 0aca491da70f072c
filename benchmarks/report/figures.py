"""The figures: three panels for each optimizer and workload, and overlays of all optimizers."""

import hashlib
from collections.abc import Sequence
from io import BytesIO
from itertools import groupby
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure
from PIL import Image

from benchmarks.report import palette
from benchmarks.report.comparisons import accuracy_overlay, loss_overlay, norm_overlay
from benchmarks.report.curves import Curves
from benchmarks.report.run_panels import panels
from benchmarks.results.runs import Run

DPI = 150
LONGEST = 255
"""Characters of a file's name; those of labels are of one byte."""
MOST_PIXELS = 1.8e6
"""A figure of very many optimizers is large; its resolution is lowered to stay within this."""


def draw(runs: Sequence[Run], names: Sequence[str], folder: Path) -> int:
    """Draw every run that finished and, per workload, all of them together.

    Args:
        runs: Those that were asked for.
        names: The catalog, which fixes the colours.
        folder: Where the pictures go.

    Returns:
        The number of pictures.
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
            pictures = {}
            if finished:
                pictures = {
                    "loss": loss_overlay(finished[0], curves, styles),
                    "accuracy": accuracy_overlay(finished[0], curves, styles),
                    "grad_norm": norm_overlay(finished[0], curves, styles),
                }
            for quantity, figure in pictures.items():
                save(figure, folder / f"{quantity}_{workload}.png")
            count += len(finished) + len(pictures)
    return count


def file_name(label: str, ending: str) -> str:
    """`label` without the brackets that shells and Markdown read in their own way, and `ending`.

    File systems take 255 bytes: of a longer name the beginning stays, and a hash for the rest.

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
