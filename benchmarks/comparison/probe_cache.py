"""Cache of the last probe of optimizers and device.

Importing a backend takes seconds. The last answer holds until a file of keras_optim or a version
changes. So a call whose runs are all done imports no backend.
"""

import hashlib
import importlib.util
from dataclasses import asdict
from importlib import metadata
from pathlib import Path

from benchmarks.comparison.probe import Probe, ProbeRequest, expanded
from keras_optim.compare import json_files
from keras_optim.compare.process import children as processes
from keras_optim.compare.process.errors import UsageError

_FILE = "probe.json"


def kept(request: ProbeRequest, results: Path) -> Probe | None:
    """Return the last answer to `request`, if it still holds."""
    last = json_files.read_json(results / _FILE)
    if not isinstance(last, dict) or last.get("key") != _key(request):
        return None
    answer = Probe.of_json(last.get("answer"))
    if answer is None:
        return None
    labels = expanded(request.optimizers, answer.names)
    return answer if labels == list(answer.optimizers) else None


def ask(request: ProbeRequest, results: Path) -> Probe:
    """Ask `probe` in a process of its own, and keep the answer.

    Raises:
        UsageError: the device is absent, or an optimizer cannot be created.
    """
    module = "benchmarks.comparison.probe"
    answer = processes.ask(module, asdict(request), request.environment)
    json_files.write_json(results / _FILE, {"key": _key(request), "answer": answer})
    found = Probe.of_json(answer)
    assert found is not None, answer
    return found


def versions(backend: str) -> dict[str, str]:
    """Return the versions of the packages that the numbers depend on."""
    return {name: _version(name) for name in ("keras", "keras_optim", backend)}


def _version(module: str) -> str:
    """Return the version of the distribution with `module` (tensorflow may be tensorflow-cpu)."""
    try:
        return metadata.version(module)
    except metadata.PackageNotFoundError:
        distributions = metadata.packages_distributions().get(module)
        if not distributions:
            raise UsageError(f"{module} is not installed: pip install -e .[bench]") from None
        return metadata.version(distributions[0])


def _key(request: ProbeRequest) -> str:
    found = importlib.util.find_spec("keras_optim")
    if found is None or not found.origin:
        raise UsageError("keras_optim is not installed: pip install -e .[bench]")
    files = sorted(Path(found.origin).parent.rglob("*.py"))
    question = [
        *(request.backend, request.device, list(request.optimizers)),
        versions(request.backend),
        [hashlib.sha256(path.read_bytes()).hexdigest() for path in files],
    ]
    return hashlib.sha256(json_files.canonical(question).encode()).hexdigest()
