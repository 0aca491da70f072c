"""Runs: the trainings of a comparison, each one file of JSON."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from keras_optim.compare import json_files

PROTOCOL = 2
"""Version of the training and of the measurements, a part of every spec. Raise it when one of these
changes, so that no result of the old protocol counts as one of the new."""

Stage = Literal["tuning", "judging"]


@dataclass(frozen=True)
class Spec:
    """Description of a run: all that its numbers depend on, so no path and no host."""

    workload: str
    content: str
    """Hash of model, loss, metrics and data."""
    optimizer: str
    """Label of the contender."""
    code: str
    """Hash of the optimizer's code and configuration."""
    hyperparameters: Mapping[str, Any]
    """Tuned values, among them `learning_rate`; that of a schedule is a multiple of it."""
    stage: Stage
    """Tuning runs never see the test set."""
    seed: int
    epochs: int
    batch_size: int | None
    """`None` if the data comes in batches of its own."""
    backend: str
    device: str
    """As asked for: auto, cpu, gpu or tpu."""
    precision: str
    """Keras's dtype policy."""
    versions: Mapping[str, str]
    protocol: int = PROTOCOL

    @property
    def json(self) -> dict[str, Any]:
        """The fields, for a file."""
        return {name: getattr(self, name) for name in Spec.__dataclass_fields__}

    @cached_property
    def id(self) -> str:
        """Short hash of the spec; the order of its keys does not matter."""
        return _digest(self.json)

    @cached_property
    def group(self) -> str:
        """The same of all but the hyper-parameters: equal for the runs of a search."""
        return _digest({**self.json, "hyperparameters": {}})


def _digest(value: Any) -> str:
    return hashlib.sha256(json_files.canonical(value).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Run:
    """Training that has ended. NaN stands for a number that is not finite or was not measured."""

    spec: Spec
    state: Literal["done", "diverged", "failed"]
    reason: str = ""
    """Of a run that diverged or failed."""
    epochs: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """A value before training and after each epoch: `loss` and each metric (means over the epoch,
    NaN before training), the same with `val_` on the held-out part, and `seconds` of the epoch."""
    steps: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """Means over windows of steps, 400 windows at most: `step` (the last of the window, from 1),
    `loss`, `gradient_norm`, `update_norm`, `learning_rate`."""
    test: Mapping[str, float] = field(default_factory=dict)
    """Loss and metrics on the test set, at the epoch with the best validation; and with the prefix
    `final_` at the last epoch. Empty for tuning runs, for diverged runs, and without a test set."""
    cost: Mapping[str, float] = field(default_factory=dict)
    """`seconds` of training, `compile_seconds`, `step_seconds` (of use only if the machine was
    quiet, see `Setting`; NaN with one epoch), `peak_bytes`, `state_bytes`, `weight_bytes`,
    `steps_per_epoch`."""
    machine: str = ""
    """Device and host."""

    @property
    def id(self) -> str:
        """Short hash of the spec."""
        return self.spec.id

    @property
    def learning_rate(self) -> float:
        """The tuned rate; NaN if the optimizer has none."""
        return float(self.spec.hyperparameters.get("learning_rate", math.nan))
