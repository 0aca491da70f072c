"""What the backend's process answered about optimizers and device, kept for the next call.

Importing a backend takes seconds. As long as no file of keras_optim and no version has changed,
the last answer holds, so that a call whose runs are all done imports none.
"""

import hashlib
import importlib.util
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import checks
from benchmarks.backend import processes
from benchmarks.comparison.probe import expanded
from benchmarks.errors import UsageError
from benchmarks.results import json_files

if TYPE_CHECKING:
    from benchmarks.comparison.comparison import Comparison

_FILE = "probe.json"


def kept(comparison: "Comparison") -> dict[str, Any] | None:
    """What `ask` answered last, if that still holds."""
    last = json_files.read_json(comparison.results / _FILE)
    if not isinstance(last, dict) or last.get("key") != _key(comparison):
        return None
    answer = last.get("answer")
    if not isinstance(answer, dict) or not checks.fits(answer, checks.ANSWER):
        return None
    labels = expanded(comparison.optimizers, answer["names"])
    return answer if labels == list(answer["optimizers"]) else None


def ask(comparison: "Comparison") -> dict[str, Any]:
    """Ask `benchmarks.probe` and keep what it says.

    Raises:
        UsageError: an optimizer or the device cannot be had.
    """
    request = {
        "backend": comparison.backend,
        "device": comparison.device,
        "optimizers": list(comparison.optimizers),
    }
    answer = processes.ask("benchmarks.comparison.probe", request, comparison.environment)
    json_files.write_json(comparison.results / _FILE, {"key": _key(comparison), "answer": answer})
    return dict(answer)


def versions(backend: str) -> dict[str, str]:
    """Versions of what the numbers depend on."""
    return {name: _version(name) for name in ("keras", "keras_optim", backend)}


def _version(module: str) -> str:
    """The version of the distribution that holds `module` (tensorflow may be tensorflow-cpu)."""
    try:
        return metadata.version(module)
    except metadata.PackageNotFoundError:
        distributions = metadata.packages_distributions().get(module)
        if not distributions:
            raise UsageError(f"{module} is not installed: pip install -e .[bench]") from None
        return metadata.version(distributions[0])


def _key(comparison: "Comparison") -> str:
    found = importlib.util.find_spec("keras_optim")
    if found is None or not found.origin:
        raise UsageError("keras_optim is not installed: pip install -e .[bench]")
    files = sorted(Path(found.origin).parent.rglob("*.py"))
    question = [
        comparison.backend,
        comparison.device,
        list(comparison.optimizers),
        versions(comparison.backend),
        [hashlib.sha256(path.read_bytes()).hexdigest() for path in files],
    ]
    return hashlib.sha256(json_files.canonical(question).encode()).hexdigest()
