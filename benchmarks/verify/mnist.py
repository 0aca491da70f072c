"""MNIST as the sources have it: 60,000 examples for training, 10,000 for the test."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.verify.checks import CannotRun, Request
from benchmarks.workloads import datasets, published


@dataclass(frozen=True)
class Images:
    """Images in [0, 1] and their classes."""

    x: Any
    y: Any
    test_x: Any
    test_y: Any


def images(request: Request) -> Images:
    """Read MNIST, in one fixed order.

    Raises:
        CannotRun: it is not on this machine, and must not be downloaded.
        UsageError: it cannot be downloaded.
    """
    row = datasets.DATASETS["mnist"]
    if request.offline and datasets.edition_at_hand(row, request.data_dir, request.folder) is None:
        raise CannotRun("MNIST is not on this machine, and --offline forbids to download it")
    published.fetched(["mnist"], request.folder, request.data_dir)
    edition = datasets.edition_at_hand(row, request.data_dir, request.folder, cached=True)
    assert edition is not None, "it was fetched"
    parts = datasets.read(edition, request.folder)
    return Images(
        np.concatenate([parts.validation.x, parts.train.x]),
        np.concatenate([parts.validation.y, parts.train.y]),
        parts.test.x,
        parts.test.y,
    )
