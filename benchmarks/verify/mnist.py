"""MNIST as the sources have it: 60,000 examples for training, 10,000 for the test."""

from dataclasses import dataclass
from typing import Any

from benchmarks.verify.checks import CannotRun, Request
from benchmarks.workloads import datasets, published
from benchmarks.workloads.parts import fixed_order


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
    if request.offline and datasets.available(row, request.data_dir, request.folder) is None:
        raise CannotRun("MNIST is not on this machine, and --offline forbids to download it")
    published.fetched(["mnist"], request.folder, request.data_dir)
    edition = datasets.available(row, request.data_dir, request.folder, cached=True)
    assert edition is not None, "it was fetched"
    train, test = datasets.read(edition, request.folder)
    train = train.take(fixed_order(len(train.y)))
    return Images(train.x, train.y, test.x, test.y)
