"""Published workloads: real data and small networks, as `keras_optim.compare` takes them."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.workloads import datasets
from benchmarks.workloads.catalog import ROWS
from benchmarks.workloads.fetching import fetch
from benchmarks.workloads.row import Row
from keras_optim import Workload


def workloads(names: Sequence[str], folder: str, num_train: int | None = None) -> list[Workload]:
    """Return workloads whose arrays lie in the cache of a results folder (see `fetched`).

    The first tenth of a fixed permutation is held out; training uses the first `num_train` of the
    rest.
    """
    return [_workload(ROWS[name], Path(folder), num_train) for name in names]


def _workload(row: Row, folder: Path, num_train: int | None) -> Workload:
    parts = row.parts(folder, num_train)
    objective = row.objective()
    metric, value = row.target
    return Workload(
        build_model=row.build,
        data=(parts.train.x, parts.train.y),
        validation=(parts.validation.x, parts.validation.y),
        test=(parts.test.x, parts.test.y),
        loss=objective["loss"],
        metrics=objective["metrics"],
        target=(f"val_{metric}", value),
        epochs=row.epochs,
        batch_size=row.batch_size,
        name=row.name,
    )


def fetched(names: Sequence[str], folder: Path, data_dir: Path | None) -> None:
    """Put the arrays of workloads into the cache of a results folder, unless it has them.

    Raises:
        UsageError: data is missing or damaged, and cannot be downloaded.
    """
    needed = (ROWS[name].dataset for name in names)
    wanted = dict.fromkeys(dataset for dataset in needed if dataset is not None)
    missing = [dataset.name for dataset in wanted if not _is_cached(dataset, folder, data_dir)]
    fetch(missing, data_dir, folder)


def _is_cached(dataset: datasets.Dataset, folder: Path, data_dir: Path | None) -> bool:
    edition = datasets.available(dataset, data_dir, folder)
    return edition is not None and datasets.intact(edition, folder)
