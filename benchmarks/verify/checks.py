"""Check: a published figure, the band that ours must hit, and the training that makes ours."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Found = Mapping[str, Sequence[float]]
"""Values of each figure by its name, one for each seed."""


class CannotRun(Exception):
    """Reason why a check is not run here; the text says it."""


@dataclass(frozen=True)
class Request:
    """Places and options of a call."""

    folder: Path
    """The results folder, whose cache has the data."""
    own: Path
    """A folder of this check, for the state of a training that was stopped."""
    data_dir: Path | None = None
    """Of tensorflow_datasets."""
    offline: bool = False
    """Whether nothing may be downloaded."""
    tell: Callable[[float], None] = lambda share: None
    """Receives the share of the work that is done."""


@dataclass(frozen=True)
class Figure:
    """A number that was published, and the band for the mean of ours."""

    name: str
    published: str
    """As printed at the source."""
    low: float
    high: float
    reason: str
    """Where the band comes from."""
    digits: int = 4

    def holds(self, values: Sequence[float]) -> bool:
        """Tell whether the mean of our values is in the band."""
        mean = sum(values) / len(values) if values else math.nan
        return self.low <= mean <= self.high


@dataclass(frozen=True)
class Check:
    """One training, or a few of the same kind, and the figures that it reproduces."""

    name: str
    trained: str
    """Model, data, optimizer and length in words."""
    source: str
    """Paper, page or repository with its commit."""
    address: str
    figures: tuple[Figure, ...]
    run: Callable[[Request], Found]
    """Raises `CannotRun` with the reason."""
    optimizers: Callable[[], Sequence[Any]]
    """New ones: results are bound to their code."""
    seconds: float
    """About so many on two cores, for the progress."""
    long: bool = False
    """Whether it needs `--long`, or its name."""


def around(name: str, published: str, margin: float, reason: str, digits: int = 4) -> Figure:
    """Make a figure whose band is the published number plus or minus a margin."""
    middle = float(published)
    return Figure(name, published, middle - margin, middle + margin, reason, digits)


def of_test_images(name: str, published: str, count: int = 10_000, digits: int = 4) -> Figure:
    """Make an accuracy whose band is three standard errors of `count` test examples wide.

    >>> figure = of_test_images("accuracy", "0.99")
    >>> round(figure.low, 4), round(figure.high, 4)
    (0.987, 0.993)
    """
    share = float(published)
    error = math.sqrt(share * (1 - share) / count)
    reason = f"three standard errors of an accuracy on {count:,} examples"
    return around(name, published, 3 * error, reason, digits)
