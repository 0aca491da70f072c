"""Data sets of tensorflow_datasets: their table, and the cache of their arrays.

This module does not import TensorFlow: sizes come from the files that tensorflow_datasets writes
beside its records. `benchmarks.workloads.prepare_data` reads the records once, in a process of its
own, and writes the arrays as one `.npz` file into the results folder.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.workloads.parts import Part
from keras_optim.compare import json_files
from keras_optim.compare.process.errors import UsageError

VOCABULARY = 20_000
"""Number of word indices of `imdb_reviews`; 0 is padding, 1 is an unknown word."""
WORDS = 200
"""Words kept of each review."""
BAG = 10_000
"""Number of words of `imdb_bag`; the first stands for all unknown ones."""
FORMAT = 1
"""Part of the cache's file name: raise it when `prepare_data` changes its arrays."""


@dataclass(frozen=True)
class Dataset:
    """Row of the table below."""

    name: str
    builder: str
    """Its name in tensorflow_datasets."""
    source: str
    """The server it is downloaded from."""


DATASETS = {
    row.name: row
    for row in (
        Dataset("mnist", "mnist", "https://storage.googleapis.com"),
        Dataset("cifar10", "cifar10", "https://www.cs.toronto.edu"),
        Dataset("imdb_reviews", "imdb_reviews/plain_text", "https://ai.stanford.edu"),
        Dataset("imdb_bag", "imdb_reviews/plain_text", "https://ai.stanford.edu"),
    )
}


@dataclass(frozen=True)
class Edition:
    """Version and sizes of a data set: a subset is another edition than the whole."""

    name: str
    version: str
    train: int
    test: int

    @property
    def file_name(self) -> str:
        """Name of the cached arrays."""
        return f"{self.name}-{self.version}-{self.train}-{self.test}-v{FORMAT}.npz"

    @classmethod
    def of_file(cls, path: Path) -> "Edition | None":
        """Find the edition of a cached file; `None` for a file of another name."""
        parts = path.stem.split("-")
        if len(parts) != 5 or not (parts[2] + parts[3]).isdecimal():
            return None
        edition = cls(parts[0], parts[1], int(parts[2]), int(parts[3]))
        return edition if edition.file_name == path.name else None


def records_folder(dataset: Dataset, data_dir: Path | None) -> Path | None:
    """Find the newest folder of `dataset` that tensorflow_datasets prepared in `data_dir`."""
    default = os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
    root = (data_dir or Path(default)).expanduser() / dataset.builder
    versions = [path.parent for path in root.glob("*/dataset_info.json")]
    return max(versions, key=lambda path: _version_key(path.name), default=None)


def cache(results: Path) -> Path:
    """Return the folder of arrays in a results folder."""
    return results / "data"


def available(
    dataset: Dataset, data_dir: Path | None, results: Path, cached: bool = False
) -> Edition | None:
    """Find the edition to train on, without reading data; `None` if it must be fetched first.

    Records in `data_dir` decide. Without records, as in a results folder from another machine, or
    if `cached`, the largest edition in the cache decides.
    """
    folder = None if cached else records_folder(dataset, data_dir)
    if folder is not None:
        return _of_records(dataset, folder)
    found = map(Edition.of_file, cache(results).glob(f"{dataset.name}-*-v{FORMAT}.npz"))
    known = [edition for edition in found if edition and edition.name == dataset.name]
    return max(known, key=lambda edition: edition.train, default=None)


def _of_records(dataset: Dataset, folder: Path) -> Edition:
    """Read the edition that tensorflow_datasets prepared in `folder`."""
    path = folder / "dataset_info.json"
    try:
        splits = json_files.read_json(path)["splits"]
        sizes = {split["name"]: sum(map(int, split["shardLengths"])) for split in splits}
        edition = Edition(dataset.name, folder.name, sizes["train"], sizes["test"])
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(
            f"{path} is damaged; let tensorflow_datasets prepare {dataset.builder} again, or give "
            "--data-dir another folder"
        ) from error
    return edition


def read(edition: Edition, results: Path) -> tuple[Part, Part]:
    """Read the training and the test split of `edition`.

    Images are float32 in [0, 1], words and classes int32, and bags of words bytes.
    """
    loaded = _arrays(edition, results)
    scale = float(loaded["scale"])

    def inputs(x: Any) -> Any:
        if scale:
            return x.astype("float32") / np.float32(scale)
        return x.astype("int32") if x.dtype == np.uint16 else x

    def part(x: Any, y: Any) -> Part:
        return Part(inputs(x), y.astype("float32" if y.dtype.kind == "f" else "int32"))

    train, test = (part(loaded[f"{name}_x"], loaded[f"{name}_y"]) for name in ("train", "test"))
    return train, test


def intact(edition: Edition, results: Path) -> bool:
    """Tell whether the cached arrays of `edition` exist, are readable and of its sizes."""
    try:
        loaded = _arrays(edition, results)
        float(loaded["scale"])
    except Exception:  # NumPy, zipfile and zlib raise many kinds of errors about damaged bytes
        return False
    sizes = {"train": edition.train, "test": edition.test}
    return all(
        loaded[f"{part}_{name}"].dtype.kind in "uif"
        and loaded[f"{part}_{name}"].shape[:1] == (size,)
        and (loaded[f"{part}_{name}"].ndim == 1) == (name == "y")
        for part, size in sizes.items()
        for name in "xy"
    )


def _arrays(edition: Edition, results: Path) -> dict[str, Any]:
    # NumPy would leave a damaged file open if it opened the file itself.
    with (cache(results) / edition.file_name).open("rb") as file, np.load(file) as arrays:
        return {name: arrays[name] for name in ("scale", "train_x", "train_y", "test_x", "test_y")}


def _version_key(version: str) -> list[int]:
    return [int(part) for part in version.split(".") if part.isdigit()]
