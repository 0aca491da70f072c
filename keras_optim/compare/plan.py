"""Plan: the conditions under which all optimizers are tuned and judged."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from keras_optim._version import __version__
from keras_optim.compare.process.errors import UsageError
from keras_optim.formatting import shown
from keras_optim.tensors import BACKEND

SAMPLERS = ("tpe", "quasi-random")
LARGEST_SEED = 2**32 - 1


@dataclass(frozen=True)
class Plan:
    """Conditions of all runs.

    Args:
        tune: `"none"`, `"grid"`, or the number of trials >= 1.
        sampler: For trials: `"tpe"` or `"quasi-random"`.
        hyperparameters: Names that trials tune, or `"all"`.
        storage: URL of a database that several machines share; `None` for a file in the folder.
        seeds: Those that judge.
        tuning_seed: That of all tuning runs, not one of `seeds`.
        precision: Keras's dtype policy.
        device: auto, cpu, gpu or tpu.
        jobs: Processes that train at once.
        folder: Of the results.
    """

    tune: str | int = "grid"
    sampler: str = "tpe"
    hyperparameters: Sequence[str] | str = ("learning_rate",)
    storage: str | None = None
    seeds: tuple[int, ...] = (1, 2, 3)
    tuning_seed: int = 0
    precision: str = "float32"
    device: str = "auto"
    jobs: int = 1
    folder: Path | None = None
    backend: str = BACKEND
    versions: Mapping[str, str] = field(default_factory=lambda: versions())

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            UsageError: one is out of range.
        """
        if self.tune not in ("none", "grid") and not _whole(self.tune, 1, 10**6):
            raise UsageError(
                f'`tune` must be "none", "grid" or a number of trials >= 1. Received: '
                f"tune={shown(self.tune)}"
            )
        if self.sampler not in SAMPLERS:
            raise UsageError(
                f"`sampler` must be one of {', '.join(SAMPLERS)}. Received: "
                f"sampler={shown(self.sampler)}"
            )
        if not self.seeds or not all(_whole(s, 0, LARGEST_SEED) for s in self.seeds):
            raise UsageError(
                f"`seeds` must be whole numbers in [0, {LARGEST_SEED}], at least one. Received: "
                f"seeds={shown(self.seeds)}"
            )
        if len(set(self.seeds)) < len(self.seeds) or self.tuning_seed in self.seeds:
            raise UsageError(
                "`seeds` must differ from each other and from the tuning seed "
                f"{self.tuning_seed}. Received: seeds={shown(self.seeds)}"
            )


def seeds(value: Any, tuning_seed: int = 0) -> tuple[int, ...]:
    """Return the seeds that judge: those given, or the first `value` after the tuning seed.

    >>> seeds(3), seeds([7, 9])
    ((1, 2, 3), (7, 9))
    """
    if _whole(value, 1, 10**4):
        return tuple(tuning_seed + k for k in range(1, value + 1))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(value)
    raise UsageError(f"`seeds` must be a number >= 1, or a list of seeds. Received: {shown(value)}")


def versions() -> dict[str, str]:
    """Return the versions of the packages that the numbers depend on."""
    return {
        "keras": _version("keras"),
        "keras_optim": __version__,  # a copied folder has no metadata
        BACKEND: _version(BACKEND),
    }


def machine() -> str:
    """Describe this machine: its name, its processors and its devices."""
    return f"{platform.node()}, {os.cpu_count()} processors, {platform.machine()}"


def is_quiet() -> bool:
    """Tell whether hardly any other process has used the processors in the last minute."""
    try:
        return os.getloadavg()[0] < 0.3 * (os.cpu_count() or 1)
    except (OSError, AttributeError):
        return False


def _version(module: str) -> str:
    """Return the version of the distribution with `module` (tensorflow may be tensorflow-cpu)."""
    try:
        return metadata.version(module)
    except metadata.PackageNotFoundError:
        found = metadata.packages_distributions().get(module)
        return metadata.version(found[0]) if found else "unknown"


def _whole(value: Any, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
