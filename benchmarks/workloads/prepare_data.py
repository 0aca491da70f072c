"""Preparation of data sets: `python -m benchmarks.workloads.prepare_data`.

It reads each data set once and caches its arrays, in a process of its own: tensorflow_datasets
needs TensorFlow, which a process that trains with JAX or PyTorch must not import. The request comes
as JSON and so does the answer (see `keras_optim.compare.process.children`).
"""

import os
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.workloads.datasets import (
    BAG,
    DATASETS,
    VOCABULARY,
    WORDS,
    Dataset,
    Edition,
    records_folder,
)
from keras_optim.compare.process import children as processes
from keras_optim.compare.process.errors import UsageError, one_line


def load(request: dict[str, Any]) -> dict[str, Any]:
    """Write the arrays of each of `request["datasets"]` into `request["cache"]`.

    Returns:
        Their editions, by name.
    """
    data_dir = Path(request["data_dir"]) if request["data_dir"] else None
    cache = Path(request["cache"])
    cache.mkdir(parents=True, exist_ok=True)
    for left in cache.glob(".*.npz"):  # by a process that was killed while it wrote
        left.unlink()
    editions = {}
    for name in request["datasets"]:
        dataset = DATASETS[name]
        version, arrays = _from_tensorflow_datasets(dataset, data_dir)
        edition = Edition(name, version, len(arrays["train_y"]), len(arrays["test_y"]))
        temporary = cache / f".{os.getpid()}.npz"
        try:
            np.savez(temporary, **arrays)
            os.replace(temporary, cache / edition.file_name)
        finally:
            temporary.unlink(missing_ok=True)
        editions[name] = vars(edition)
    return editions


def _from_tensorflow_datasets(
    dataset: Dataset, data_dir: Path | None
) -> tuple[str, dict[str, Any]]:
    """Load the records in `data_dir`, which tensorflow_datasets downloads if they are absent."""
    try:
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise UsageError(
            f"{dataset.name} is read by tensorflow-datasets, which cannot be imported "
            f"({one_line(error)}): pip install -r requirements/bench.txt"
        ) from error
    folder = records_folder(dataset, data_dir)
    where = str(data_dir.expanduser()) if data_dir else None
    if folder is not None:
        builder = _prepared(tfds, dataset, folder)
    else:
        try:
            _reach(dataset.source)
            builder = tfds.builder(dataset.builder, data_dir=where)
            builder.download_and_prepare()
        except Exception as error:
            raise UsageError(
                f"{dataset.name} is not in {where or 'the default folder of tensorflow_datasets'} "
                f"and could not be downloaded from {dataset.source} ({type(error).__name__}). "
                "Connect to the network, or give --data-dir a folder where tensorflow_datasets "
                f"prepared {dataset.builder}."
            ) from error
    arrays = {}
    try:
        for split in ("train", "test"):
            x, y = builder.as_dataset(split=split, batch_size=-1, as_supervised=True)
            arrays[f"{split}_x"], arrays[f"{split}_y"] = x.numpy(), labels(y.numpy())
    except Exception as error:  # TensorFlow raises many kinds of errors about damaged records
        raise _damaged(dataset, folder or where, error) from error
    text = arrays["train_x"].dtype == object
    if text:
        turned = _bags if dataset.name == "imdb_bag" else _indices
        arrays["train_x"], arrays["test_x"] = turned(arrays["train_x"], arrays["test_x"])
    return str(builder.version), {**arrays, "scale": 0.0 if text else 255.0}


def labels(values: Any) -> Any:
    """Store classes in a byte each, and other numbers as float32."""
    return values.astype("float32" if values.dtype.kind == "f" else "uint8")


def _prepared(tfds: Any, dataset: Dataset, folder: Path) -> Any:
    """Make the builder that reads the records of `folder`."""
    try:
        return tfds.builder_from_directory(str(folder))
    except Exception as error:  # damaged descriptions raise errors of many kinds
        raise _damaged(dataset, folder, error) from error


def _damaged(dataset: Dataset, folder: Path | str | None, error: Exception) -> UsageError:
    return UsageError(
        f"the records of {dataset.name} in {folder} cannot be read ({type(error).__name__}); "
        f"let tensorflow_datasets prepare {dataset.builder} again"
    )


def _reach(server: str) -> None:
    """Fail at once without a network: tensorflow_datasets tries for three minutes."""
    import requests

    requests.head(server, timeout=10)


def _indices(train: Any, test: Any) -> list[Any]:
    """Turn reviews into word indices, by the vocabulary of the training texts alone."""
    import keras

    vectorize = keras.layers.TextVectorization(max_tokens=VOCABULARY, output_sequence_length=WORDS)
    vectorize.adapt(train)
    return [np.asarray(vectorize(texts)).astype("uint16") for texts in (train, test)]


def _bags(train: Any, test: Any) -> list[Any]:
    """Turn reviews into a byte for each word of the training texts, 1 if it occurs."""
    import keras

    vectorize = keras.layers.TextVectorization(
        max_tokens=BAG, output_mode="multi_hot", pad_to_max_tokens=True
    )
    vectorize.adapt(train)

    def bags(texts: Any) -> Any:
        pieces = np.array_split(texts, -(-len(texts) // 1000))  # floats in between
        return np.concatenate([np.asarray(vectorize(piece)).astype("uint8") for piece in pieces])

    return [bags(texts) for texts in (train, test)]


if __name__ == "__main__":
    processes.serve(load, "datasets", "data_dir", "cache")
