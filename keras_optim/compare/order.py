"""Order: the request of a command, in the parent and in its workers."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from keras_optim.compare.loading import workloads
from keras_optim.compare.plan import Plan
from keras_optim.compare.workload import Workload

SMOKE_EXAMPLES = 512
SMOKE_OPTIMIZERS = 3


@dataclass(frozen=True)
class Order:
    """Request of a command, as JSON knows it.

    The backend is that of the process that asks for `plan`: a worker's.
    """

    workload: str
    """Such as `package.module:workload`."""
    optimizers: tuple[str, ...]
    tune: str | int
    sampler: str
    hyperparameters: tuple[str, ...] | str
    storage: str | None
    seeds: tuple[int, ...]
    tuning_seed: int
    precision: str
    device: str
    jobs: int
    folder: str | None
    epochs: int | None
    batch_sizes: tuple[int | str, ...]
    """Empty: the workload's own; several are variants."""
    target: tuple[str, float] | None
    smoke: bool
    """Whether little of everything is trained, to see that it works."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """Of the function that `workload` names."""

    @classmethod
    def of(cls, value: Any) -> "Order":
        """Make an order from its JSON."""
        pairs: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in value.items()
        }
        return cls(**pairs)

    @property
    def json(self) -> dict[str, Any]:
        """The order as JSON."""
        return asdict(self)

    def plan(self, **facts: Any) -> Plan:
        """Return the conditions; `facts` are those of another process.

        Raises:
            UsageError: a value is out of range.
        """
        return Plan(
            tune=self.tune,
            sampler=self.sampler,
            hyperparameters=self.hyperparameters,
            storage=self.storage,
            seeds=self.seeds,
            tuning_seed=self.tuning_seed,
            precision=self.precision,
            device=self.device,
            jobs=self.jobs,
            folder=None if self.folder is None else Path(self.folder),
            **facts,
        )

    def workloads(self) -> list[Workload]:
        """Load the workloads, and give them the values that the command asks for.

        Raises:
            UsageError: there are none, or a value does not suit them.
        """
        found: list[Workload] = []
        for one in workloads(self.workload, self.arguments):
            if self.epochs is not None:
                one = replace(one, epochs=self.epochs)
            if self.target is not None:
                one = replace(one, target=self.target)
            found += _sized(one, self.batch_sizes)
        return [_little(one) for one in found] if self.smoke else found


def _sized(workload: Workload, sizes: Sequence[int | str]) -> list[Workload]:
    if len(sizes) == 1:
        return [replace(workload, batch_size=sizes[0])]
    return workload.variants(sizes) if sizes else [workload]


def _little(workload: Workload) -> Workload:
    """Return a workload of one epoch, of arrays with few examples."""
    data = workload.data
    if isinstance(data, tuple | list):
        data = first(data, SMOKE_EXAMPLES)
    return replace(workload, data=data, epochs=1)


def first(data: Any, count: int) -> Any:
    """Return the first examples of nested arrays.

    >>> first(([1, 2, 3], {"a": "xyz"}), 2)
    ([1, 2, 3], {'a': 'xyz'})
    """
    import keras

    return keras.tree.map_structure(lambda a: a[:count] if hasattr(a, "shape") else a, data)
