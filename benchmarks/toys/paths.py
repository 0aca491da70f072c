"""Paths of all optimizers, as they are kept in a file and drawn."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path as File
from typing import Any

import numpy as np
from keras import ops

from benchmarks.toys import functions as toys
from benchmarks.toys import thinning, tuning, walking
from benchmarks.toys.forms import TEXTS, form_of
from benchmarks.toys.functions import Function
from keras_optim.compare import json_files
from keras_optim.compare.contenders.contender import Contender
from keras_optim.compare.process.errors import UsageError

EDITION = 1
"""Raised when walks are computed in another way, so that old files do not count."""
MOST = 200
"""Points of a path in a file of results."""
SHARE = 1 / 1000
"""Distance, in heights of the drawing, by which thinning may move a point."""


@dataclass(frozen=True)
class Path:
    """Path of one optimizer on one function."""

    rate: float
    half_decades: int | None
    """Of the rate from the optimizer's own; `None`: rate-free."""
    misses: int
    value: float | None
    """At the end; `None` if it diverged at each rate."""
    solved: int | None
    """The first step from which the value stays within 0.001 of the lowest, for the last tenth at
    least."""
    form: str
    at: tuple[int, ...]
    """Steps of the points."""
    x: tuple[float, ...]
    y: tuple[float, ...]


Paths = dict[str, dict[str, Path]]
"""By function and optimizer."""


def computed(contender: Contender, functions: Sequence[Function]) -> dict[str, Path]:
    """Return the path of an optimizer on each function, at the rate that the rule chooses."""
    values = tuning.fixed(contender)
    walks = walking.walks(contender, functions, tuning.rates(contender), values)
    found = tuning.outcomes(walks, functions, tuning.is_free(contender))
    form = TEXTS[form_of(contender.make())]
    return {function.name: of(found[function.name], function, form) for function in functions}


def of(outcome: tuning.Outcome, function: Function, form: str, most: int = MOST) -> Path:
    """Return the path of an outcome, up to the first point that is not finite."""
    points = outcome.walk.points
    wild = np.flatnonzero(~(np.abs(points) < 1e6).all(1))
    points = points[: wild[0]] if len(wild) else points
    steps = thinning.thinned(points, SHARE * (function.high[1] - function.low[1]), most)
    end = float(outcome.walk.values[-1])
    return Path(
        rate=float(f"{outcome.walk.rate:.3g}"),
        half_decades=outcome.half_decades,
        misses=outcome.misses,
        value=None if outcome.diverged else float(f"{end:.3g}"),
        solved=None if outcome.diverged else outcome.solved,
        form=form,
        at=tuple(steps),
        x=_short(points[steps, 0]),
        y=_short(points[steps, 1]),
    )


def shortened(path: Path, function: Function, share: float, most: int, digits: int) -> Path:
    """Return a path with fewer points and digits, for a page."""
    points = np.stack([path.x, path.y], 1)
    every = np.arange(path.at[-1] + 1)
    dense = np.stack([np.interp(every, path.at, points[:, k]) for k in (0, 1)], 1)
    steps = thinning.thinned(dense, share * (function.high[1] - function.low[1]), most)
    x, y = (_short(dense[steps, k], digits) for k in (0, 1))
    return Path(**{**asdict(path), "at": tuple(steps), "x": x, "y": y})


def write(paths: Mapping[str, Mapping[str, Path]], codes: Mapping[str, str], file: File) -> None:
    """Write paths, and the code of each optimizer, by which a later call knows it again."""
    value = {
        "schema": 1,
        "rule": tuning.RULE,
        "functions": {
            name: {"fingerprint": fingerprint(toys.FUNCTIONS[name]), **_facts(toys.FUNCTIONS[name])}
            for name in paths
        },
        "optimizers": dict(codes),
        "paths": {
            name: {label: asdict(path) for label, path in each.items()}
            for name, each in paths.items()
        },
    }
    json_files.write_json(file, value, indent=None)


def read(file: File) -> tuple[Paths, dict[str, str]]:
    """Return paths and codes; none if there is no file, or of functions that have changed.

    Raises:
        UsageError: the file is of another kind.
    """
    value = json_files.read_json(file)
    if value is None:
        return {}, {}
    try:
        known = {
            name: facts["fingerprint"] == fingerprint(toys.FUNCTIONS[name])
            for name, facts in value["functions"].items()
            if name in toys.FUNCTIONS
        }
        paths = {
            name: {label: _path(one) for label, one in each.items()}
            for name, each in value["paths"].items()
            if known.get(name)
        }
        return paths, dict(value["optimizers"])
    except (KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{file} holds no paths of `toys`: {error}") from error


def fingerprint(function: Function) -> str:
    """Return a hash of the facts that a path depends on beside the optimizer."""
    grid = np.linspace(function.low, function.high, 5).T.astype("float32")
    values = ops.convert_to_numpy(function.value(*map(ops.convert_to_tensor, grid)))
    numbers = [f"{value:.3g}" for value in values]
    facts = repr((EDITION, _facts(function), numbers, tuning.RULE, tuning.FLOOR, tuning.DIVERGED))
    return hashlib.sha256(facts.encode()).hexdigest()[:12]


def _facts(function: Function) -> dict[str, Any]:
    names = ("formula", "latex", "start", "minima", "low", "high", "steps")
    return {name: getattr(function, name) for name in names}


def _path(value: Mapping[str, Any]) -> Path:
    lists = {name: tuple(value[name]) for name in ("at", "x", "y")}
    return Path(**{**value, **lists})


def _short(values: Any, digits: int = 5) -> tuple[float, ...]:
    return tuple(float(f"{value:.{digits}g}") for value in values)
