"""What only a process with the backend can say: `python -m benchmarks.probe`.

Are the optimizers spelled right, which code are they made of, is the device there? Asked before
anything is trained; the request comes as JSON (see `benchmarks.processes`).
"""

from collections.abc import Iterable
from typing import Any

from benchmarks.backend import devices, processes
from benchmarks.comparison.code_fingerprint import fingerprint
from benchmarks.comparison.optimizer_spec import parse_specs, unique
from benchmarks.errors import UsageError, one_line
from benchmarks.flags import shortened

ALL = "all"
"""Stands for every algorithm of the catalog in the list of optimizers."""
EXTRA = ("lookahead[inner=adam]",)
"""What `ALL` adds to the catalog."""


def probe(request: dict[str, Any]) -> dict[str, Any]:
    """Answer `names` (the catalog), `optimizers` (label: fingerprint of its code) and `device`.

    Raises:
        UsageError: an optimizer or the device cannot be had.
    """
    found = devices.prepare(request["backend"], request["device"])
    try:
        import keras_optim
    except ImportError as error:
        raise UsageError(f"keras_optim cannot be imported: {one_line(error)}") from error
    optimizers = {}
    for label in expanded(request["optimizers"], keras_optim.names()):
        try:
            optimizers[label] = fingerprint(parse_specs(label)[0].build())
        except Exception as error:  # whatever kind a constructor raises about its arguments
            raise UsageError(f"optimizer {shortened(label)}: {one_line(error)}") from error
    device = {"kind": found.kind, "count": found.count, "description": found.description}
    return {"names": keras_optim.names(), "optimizers": optimizers, "device": device}


def expanded(labels: Iterable[str], names: Iterable[str]) -> list[str]:
    """`labels` with `ALL` written out, without repetitions."""
    texts: list[str] = []
    for label in labels:
        texts.extend((*names, *EXTRA) if label == ALL else (label,))
    return [str(spec) for spec in unique([parse_specs(text)[0] for text in texts])]


if __name__ == "__main__":
    processes.serve(probe, "backend", "device", "optimizers")
