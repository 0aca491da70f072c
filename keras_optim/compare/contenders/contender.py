"""Contender: an optimizer of a comparison, with the values that tuning gives it."""

import contextlib
import copy
import hashlib
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import starmap
from typing import Any

import keras
from keras.optimizers.schedules import LearningRateSchedule

from keras_optim import catalog, keras_private
from keras_optim.arguments.descriptions import brief
from keras_optim.compare import json_files
from keras_optim.compare.contenders.code_fingerprint import fingerprint
from keras_optim.compare.contenders.optimizer_spec import parse_specs
from keras_optim.compare.process.errors import UsageError, one_line
from keras_optim.formatting import shown
from keras_optim.optimizer import Optimizer

RATE = "learning_rate"
ALL = "all"
"""The word for every algorithm of the catalogue."""


@dataclass(frozen=True, eq=False)
class Contender:
    """An optimizer, as its class and configuration."""

    label: str
    kind: type
    config: Mapping[str, Any]
    code: str
    """Hash of code and configuration."""

    @classmethod
    def of(cls, given: Any) -> "Contender":
        """Make the contender that a name, a spec or an optimizer stands for.

        Raises:
            UsageError: there is no such optimizer, or it is built already.
        """
        optimizer, label = _optimizer(given)
        if optimizer.built:
            raise UsageError(
                f"optimizers: {type(optimizer).__name__} is built, so it may have state; give a "
                "new one"
            )
        config = optimizer.get_config()
        text = json_files.canonical(_nameless(config))
        code = hashlib.sha256(f"{fingerprint(optimizer)} {text}".encode()).hexdigest()[:12]
        return cls(label or _label(optimizer), type(optimizer), config, code)

    def make(self, hyperparameters: Mapping[str, Any] | None = None) -> Any:
        """Return a new optimizer; values such as `inner.beta_1` are those of the inner one.

        If the rate is a schedule, `learning_rate` is a factor of it.
        """
        values = dict(hyperparameters or {})
        config = self.kind.from_config(copy.deepcopy(self.config)).get_config()  # type: ignore[attr-defined]
        if RATE in values and self.scheduled:
            config[RATE] = Multiple(_schedule(config[RATE]), values.pop(RATE))
        later = values.pop(RATE, None) if RATE not in config else None
        for name, value in values.items():
            *inside, last = name.split(".")
            place = config
            for step in inside:
                place = place[step]["config"]
            place[last] = value
        optimizer = self.kind.from_config(config)  # type: ignore[attr-defined]
        if later is not None:  # a wrapper passes its rate on
            optimizer.learning_rate = later
        return optimizer

    @property
    def scheduled(self) -> bool:
        """Whether the rate is a schedule."""
        rate = keras_private.learning_rate(self.kind.from_config(copy.deepcopy(self.config)))  # type: ignore[attr-defined]
        return not isinstance(rate, keras.Variable)

    @property
    def rate(self) -> float:
        """The rate it was given; 1 for a schedule, whose rates are tuned by a factor."""
        if self.scheduled:
            return 1.0
        rate = self.kind.from_config(copy.deepcopy(self.config)).learning_rate  # type: ignore[attr-defined]
        return float(f"{float(keras.ops.convert_to_numpy(rate)):.6g}")


@keras.saving.register_keras_serializable("keras_optim")
class Multiple(LearningRateSchedule):
    """Schedule that is a multiple of another."""

    def __init__(self, schedule: Any, factor: float):
        self.schedule, self.factor = _schedule(schedule), float(factor)

    def __call__(self, step: Any) -> Any:
        """Return the rate at `step`."""
        return self.factor * self.schedule(step)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        schedule = keras.optimizers.schedules.serialize(self.schedule)
        return {"schedule": schedule, "factor": self.factor}


def contenders(given: Sequence[Any] | str) -> list[Contender]:
    """Make all contenders; `"all"` stands for every algorithm of the catalogue.

    Raises:
        UsageError: one cannot be made, or none is given.
    """
    each: Iterable[Any] = [given] if isinstance(given, str) else given
    wanted: list[Any] = []
    for one in each:
        wanted += listed(one) if isinstance(one, str) else [one]
    found = _numbered(list({(c.label, c.code): c for c in map(Contender.of, wanted)}.values()))
    if not found:
        raise UsageError("optimizers: none is given")
    return found


def listed(text: str) -> list[str]:
    """Return the specs that a text lists, such as `adam, sgd[momentum=0.9]`; nothing is built.

    Raises:
        UsageError: the text is in another form, or a name is unknown.
    """
    found: list[str] = []
    for spec in parse_specs(text):
        if spec.name != ALL and catalog.find(spec.name) is None:
            _optimizer(str(spec))  # raises an error that names the nearest ones
        found += catalog.names() if str(spec) == ALL else [str(spec)]
    return found


def _numbered(found: Sequence[Contender]) -> list[Contender]:
    """Number optimizers whose labels are equal, such as those with two schedules of one class."""
    counts: dict[str, int] = {}
    numbered = []
    for one in found:
        count = counts[one.label] = counts.get(one.label, 0) + 1
        numbered.append(one if count == 1 else replace(one, label=f"{one.label} no. {count}"))
    return numbered


def _nameless(config: Any) -> Any:
    """Drop the names, which count the optimizers of a process."""
    if isinstance(config, dict):
        return {key: _nameless(value) for key, value in config.items() if key != "name"}
    if isinstance(config, list | tuple):
        return [_nameless(value) for value in config]
    return config if isinstance(config, str | int | float | bool | None) else str(config)


def _schedule(value: Any) -> Any:
    return keras.optimizers.schedules.deserialize(value) if isinstance(value, dict) else value


def _optimizer(given: Any) -> tuple[Any, str]:
    """Return a new optimizer and the label it was given; empty for one of its own."""
    if isinstance(given, str):
        try:
            [spec] = parse_specs(given)
            with _equal_seeds():
                return spec.build(), str(spec)
        except (ValueError, TypeError) as error:
            raise UsageError(f"optimizers: {_around(given) or one_line(error)}") from error
    if isinstance(given, type) and issubclass(given, keras.optimizers.Optimizer):
        with _equal_seeds():
            given = given()
    if isinstance(given, keras.optimizers.Optimizer):
        return given, ""
    raise UsageError(
        "optimizers: each must be a name such as 'adamw', a spec such as 'sgd[momentum=0.9]', or "
        f"a new optimizer. Received: {shown(given)}"
    )


def _around(text: str) -> str:
    """Say how to write a wrapper without the optimizer that it goes around."""
    try:
        [spec] = parse_specs(text)
    except ValueError:
        return ""
    row = catalog.find(spec.name)
    if row not in catalog.WRAPPERS or "inner" in dict(spec.arguments):
        return ""
    whole = replace(spec, arguments=(("inner", "adam"), *spec.arguments))
    return f"{spec.name} goes around another optimizer, such as {whole}"


@contextlib.contextmanager
def _equal_seeds() -> Iterator[None]:
    """Let optimizers that draw a seed of their own draw the same one in each process.

    Else AdaHessian, Sophia and GradientNoise would be others in each call, and train again.
    """
    before = random.getstate()
    random.seed(0)
    try:
        yield
    finally:
        random.setstate(before)


def _label(optimizer: Any) -> str:
    """Return the catalogue's name, or the expression that makes the optimizer."""
    kind = type(optimizer)
    if isinstance(optimizer, Optimizer):
        row = catalog.find(kind.__name__)
        plain = row is not None and row in catalog.ALGORITHMS and row.algorithm is kind
        if row and plain and not any(starmap(_differs, _pairs(optimizer).values())):
            return row.name
        return brief(optimizer)
    arguments = ", ".join(
        f"{name}={_short(value)}"
        for name, (default, value) in _pairs(optimizer).items()
        if _differs(default, value)
    )
    return f"{kind.__module__.partition('.')[0]}.{kind.__name__}({arguments})"


def _pairs(optimizer: Any) -> dict[str, tuple[Any, Any]]:
    """Return the default and the value of each argument but the name."""
    with _equal_seeds():
        default = type(optimizer)()
    defaults, values = default.get_config(), optimizer.get_config()
    return {name: (defaults.get(name), v) for name, v in values.items() if name != "name"}


def _differs(a: Any, b: Any) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return abs(a - b) > 1e-6 * abs(a)  # rates are kept in single precision
    return bool(a != b)


def _short(value: Any) -> str:
    """Write a value; of a schedule, its class."""
    if isinstance(value, Mapping) and "class_name" in value:
        return str(value["class_name"])
    return f"{value:.4g}" if isinstance(value, float) else repr(value)
