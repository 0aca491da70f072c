"""Arrays of data sets, read from their records by a process of its own."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.workloads import datasets
from keras_optim.compare.process import children as processes
from keras_optim.compare.process import devices


def fetch(
    names: Sequence[str], data_dir: Path | None, results: Path
) -> dict[str, datasets.Edition]:
    """Put the arrays of the data sets `names` into the cache of a results folder.

    Returns:
        Their editions, by name.
    """
    if not names:
        return {}
    request = {
        "datasets": list(names),
        "data_dir": str(data_dir) if data_dir else None,
        "cache": str(datasets.cache(results)),
    }
    # TensorFlow reads the records and indexes the words; keep it off the accelerator.
    env = processes.environment(devices.environment("tensorflow", "cpu"))
    answer = processes.ask("benchmarks.workloads.prepare_data", request, env)
    return {name: datasets.Edition(**edition) for name, edition in answer.items()}
