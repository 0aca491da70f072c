"""The three tasks: digits, reviews, and the next character of a text."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.workloads import characters, imdb, mnist, published
from benchmarks.workloads.catalog import ROWS
from benchmarks.workloads.parts import Part
from benchmarks.workloads.row import one_of_many, one_of_many_logits, yes_or_no


@dataclass(frozen=True)
class Task:
    """Data, model and budget."""

    name: str
    title: str
    batch_size: int
    steps: int
    """The length of every training."""
    period: int
    """Steps from one evaluation to the next."""
    build: Callable[[], Any]
    objective: Callable[[], Mapping[str, Any]]
    """Makes loss and metrics."""


TASKS = {
    task.name: task
    for task in (
        Task("mnist", "MNIST, one hidden layer", 128, 500, 20, mnist.build, one_of_many),
        Task("imdb", "IMDB, mean of word vectors", 128, 300, 10, imdb.build, yes_or_no),
        Task(
            "text",
            "a transformer on characters",
            32,
            600,
            20,
            characters.build,
            one_of_many_logits,
        ),
    )
}


def data(task: Task, folder: Path, data_dir: Path | None) -> tuple[Part, Part]:
    """Return the examples for training and for validation."""
    if task.name == "text":
        return characters.data()
    published.fetched([task.name], folder, data_dir)
    parts = ROWS[task.name].parts(folder)
    return parts.train, parts.validation
