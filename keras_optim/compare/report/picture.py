"""Pictures to be drawn: a figure with its name, caption and text."""

from dataclasses import dataclass

from keras_optim.compare.report.image_files import Draw


@dataclass(frozen=True)
class Picture:
    """Figure to be drawn."""

    name: str
    """Of its files, without a suffix."""
    title: str
    caption: str
    alt: str
    """Its content for those who cannot see it."""
    draw: Draw
    workload: str | None = None
    optimizer: str | None = None
    """Set for the figure of one optimizer."""
