"""Probe of optimizers and device: `python -m benchmarks.comparison.probe`.

Only a process that has the backend can check the spelling of the optimizers, hash their code, and
find the device. A comparison asks it before it trains anything. The request comes as JSON (see
`keras_optim.compare.process.children`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from keras_optim.compare import checks
from keras_optim.compare.contenders.code_fingerprint import fingerprint
from keras_optim.compare.contenders.optimizer_spec import parse_specs, unique
from keras_optim.compare.process import children as processes
from keras_optim.compare.process import devices
from keras_optim.compare.process.errors import UsageError, one_line
from keras_optim.compare.process.flags import shortened

ALL = "all"
"""The word for every algorithm of the catalog in the list of optimizers."""
EXTRA = ("lookahead[inner=adam]",)
"""Optimizers that `ALL` adds to the catalog."""


@dataclass(frozen=True)
class ProbeRequest:
    """Question of a probe: these optimizers, on that backend and device."""

    backend: str
    device: str
    optimizers: Sequence[str]

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a process that imports the backend and keeps to the device."""
        return processes.environment(devices.environment(self.backend, self.device))


@dataclass(frozen=True)
class Device:
    """The device found; `count` of them share each batch."""

    kind: str
    count: int
    description: str


@dataclass(frozen=True)
class Probe:
    """Answer of a probe."""

    names: Sequence[str]
    """The catalog."""
    optimizers: dict[str, str]
    """For the label of each optimizer, the fingerprint of its code."""
    device: Device

    @classmethod
    def of_json(cls, value: Any) -> Self | None:
        """Read an answer; `None` if it is damaged."""
        if not checks.fits(value, _ANSWER):
            return None
        device = Device(**{key: value["device"][key] for key in _DEVICE})
        return cls(value["names"], value["optimizers"], device)


_DEVICE = {"kind": checks.text, "count": checks.positive, "description": checks.text}
_ANSWER = {
    "names": checks.some(checks.text),
    "optimizers": lambda value: isinstance(value, dict) and all(map(checks.text, value.values())),
    "device": lambda value: checks.fits(value, _DEVICE),
}


def probe(request: ProbeRequest) -> Probe:
    """Find the device, create each optimizer once, and hash its code.

    Raises:
        UsageError: the device is absent, or an optimizer cannot be created.
    """
    found = devices.prepare(request.backend, request.device)
    try:
        import keras_optim
    except ImportError as error:
        raise UsageError(f"keras_optim cannot be imported: {one_line(error)}") from error
    optimizers = {}
    for label in expanded(request.optimizers, keras_optim.names()):
        try:
            optimizers[label] = fingerprint(parse_specs(label)[0].build())
        except Exception as error:  # constructors refuse arguments by errors of any kind
            raise UsageError(f"optimizer {shortened(label)}: {one_line(error)}") from error
    device = Device(found.kind, found.count, found.description)
    return Probe(keras_optim.names(), optimizers, device)


def expanded(labels: Iterable[str], names: Iterable[str]) -> list[str]:
    """Replace `ALL` in `labels` by the algorithms, and drop repetitions."""
    texts: list[str] = []
    for label in labels:
        texts.extend((*names, *EXTRA) if label == ALL else (label,))
    return [str(spec) for spec in unique([parse_specs(text)[0] for text in texts])]


if __name__ == "__main__":
    processes.serve(
        lambda request: asdict(probe(ProbeRequest(**request))), "backend", "device", "optimizers"
    )
