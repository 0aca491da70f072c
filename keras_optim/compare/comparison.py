"""Comparison: the runs of all optimizers, and the facts that belong to them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from keras_optim.compare.runs import Run


@dataclass(frozen=True)
class Measured:
    """Metric of a workload."""

    name: str
    """In Keras's logs, such as `accuracy`."""
    higher: bool
    """Whether a higher value is better."""


@dataclass(frozen=True)
class Subject:
    """Facts about a workload: enough to judge and to describe its runs."""

    name: str
    metrics: tuple[Measured, ...]
    """`loss` first, then the metrics of `compile`."""
    judge: str
    """The metric that chooses and ranks; its value on held-out data is `val_` + this name."""
    target: float | None
    """The value on held-out data whose first epoch is the time to target."""
    epochs: int
    batch_size: int | None
    train: int | None
    """Examples; `None` if unknown, as for a generator."""
    validation: int | None
    test: int | None
    """`None` also without a test set: then the held-out part judges as well."""
    variant_of: str | None = None
    """Name of the workload of which this one is the same with another batch size."""

    @property
    def higher(self) -> bool:
        """Whether a higher value of `judge` is better."""
        return next(m.higher for m in self.metrics if m.name == self.judge)


@dataclass(frozen=True)
class Setting:
    """Conditions under which all runs were made."""

    tune: str
    """`none`, `grid`, or `N trials`."""
    budget: str
    """The budget and the search space, in a sentence."""
    seeds: tuple[int, ...]
    """Those that judge."""
    tuning_seed: int
    backend: str
    versions: Mapping[str, str]
    precision: str
    machine: str
    """Device, host and number of processors."""
    quiet: bool
    """Whether one run was trained at a time, on a machine with no other load."""
    command: str
    """The call that made the results."""
    date: str


@dataclass(frozen=True)
class Comparison:
    """Result of `keras_optim.compare`."""

    subjects: Mapping[str, Subject]
    optimizers: tuple[str, ...]
    """Labels, in the order in which they were given."""
    runs: tuple[Run, ...]
    setting: Setting
    chosen: Mapping[tuple[str, str], Mapping[str, Any]]
    """The hyper-parameters that tuning chose, for each workload and optimizer."""
