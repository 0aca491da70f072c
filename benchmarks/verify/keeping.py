"""Files of finished checks: a second call reads them instead of training again."""

import hashlib
import inspect
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.verify.checks import Check
from keras_optim.compare import json_files
from keras_optim.compare.contenders.contender import Contender
from keras_optim.compare.plan import versions
from keras_optim.tensors import BACKEND


@dataclass(frozen=True)
class Kept:
    """Our values of a finished check."""

    found: Mapping[str, list[float]]
    """By the name of the figure, one for each seed."""
    seconds: float
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Backend, versions, machine, date."""


def key(check: Check) -> str:
    """Return a hash of all that the values depend on: code, configurations, versions, backend."""
    run = getattr(check.run, "func", check.run)
    source = inspect.getsource(sys.modules[run.__module__])
    codes = [Contender.of(optimizer).code for optimizer in check.optimizers()]
    parts = [check.name, source, codes, versions(), BACKEND]
    return hashlib.sha256(json_files.canonical(parts).encode()).hexdigest()[:12]


def path(folder: Path, check: Check) -> Path:
    """Return the file of a check."""
    return folder / f"{check.name}-{BACKEND}.json"


def read(folder: Path, check: Check) -> Kept | None:
    """Return the values of an earlier call, if they belong to this code."""
    value = json_files.read_json(path(folder, check))
    if not isinstance(value, dict) or value.get("key") != key(check):
        return None
    try:
        found = {
            figure.name: [float(v) for v in value["found"][figure.name]] for figure in check.figures
        }
        return Kept(found, float(value["seconds"]), value["facts"])
    except (KeyError, TypeError, ValueError):  # damaged
        return None


def write(folder: Path, check: Check, kept: Kept) -> None:
    """Keep the values of a finished check."""
    exact = {name: list(map(repr, values)) for name, values in kept.found.items()}
    value = {"key": key(check), **vars(kept), "found": exact}
    json_files.write_json(path(folder, check), value)
