"""Replicas of TensorFlow: several devices that share each batch, as `fit` does it."""

from collections.abc import Iterator
from typing import Any

from keras_optim import tensors
from keras_optim.compare.training import data
from keras_optim.tensors import BACKEND


def count(model: Any) -> int:
    """Return the number of replicas of a model."""
    strategy = model.distribute_strategy if BACKEND == "tensorflow" else None
    return int(strategy.num_replicas_in_sync) if strategy is not None else 1


def steps(model: Any, examples: data.Arrays, size: int) -> Iterator[dict[str, Any]]:
    """Train on batches of `size`, each shared by the replicas; yield the logs of each step."""
    dataset = tensors.tf().data.Dataset.from_tensor_slices(examples.parts)
    dataset = dataset.batch(size, drop_remainder=True)
    iterator = iter(model.distribute_strategy.experimental_distribute_dataset(dataset))
    model.make_train_function()
    for _ in range(examples.count // size):
        model.reset_metrics()
        logs = model.train_function(iterator)
        yield {name: float(value) for name, value in logs.items()}
