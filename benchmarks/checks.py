"""Whether a file of the results folder holds what was written into it.

A full disk, a crash, an editor, two commands at once: anything may lie there. What is not as it
must be counts as missing, and is made anew.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

STATES = ("queued", "running", "done", "diverged", "failed")
_LARGEST = 1e39
"""Beyond float32, in which everything is measured."""

Check = Callable[[Any], bool]


def fits(value: Any, checks: Mapping[str, Check]) -> bool:
    """Whether `value` is an object of JSON with these keys and such values.

    >>> fits({"epochs": 3, "more": None}, {"epochs": count})
    True
    >>> fits({"epochs": True}, {"epochs": count}), fits(["epochs"], {"epochs": count})
    (False, False)
    """
    if not isinstance(value, dict):
        return False
    return all(key in value and check(value[key]) for key, check in checks.items())


def text(value: Any) -> bool:
    """Whether it is a string."""
    return isinstance(value, str)


def count(value: Any) -> bool:
    """Whether it is a whole number from 0 up."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def positive(value: Any) -> bool:
    """Whether it is a whole number from 1 up."""
    return count(value) and value > 0


def number(value: Any) -> bool:
    """Whether it is a number that float32 can hold."""
    real = isinstance(value, int | float) and not isinstance(value, bool)
    return real and abs(value) < _LARGEST


def measured(value: Any) -> bool:
    """Whether it is a number, or null: that stands for one that is not finite."""
    return value is None or number(value)


def some(check: Check) -> Check:
    """The check for a list, not empty, of values that pass `check`."""
    return lambda value: isinstance(value, list) and bool(value) and all(map(check, value))


EDITION = {"name": text, "version": text, "train": positive, "test": positive}
SPEC = {
    "workload": text,
    "data": lambda value: fits(value, EDITION),
    "optimizer": text,
    "epochs": positive,
    "num_train": positive,
    "batch_size": positive,
    "seed": count,
    "backend": text,
    "device": text,
}
_DIVERGED = {
    "epochs": positive,
    "seconds": number,
    "first_step_seconds": number,
    "steps_per_second": measured,
    "state_per_weight": number,
    "device": text,
}
_RESULTS = {
    "done": {**_DIVERGED, "test_accuracy": number, "test_loss": measured},
    "diverged": _DIVERGED,
}
_LINE = {
    "epoch": count,
    **dict.fromkeys(("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"), measured),
}
_EPOCH = {**_LINE, "step_loss": some(measured), "grad_norm": some(measured)}


def status(value: Any) -> bool:
    """Whether `value` is a status as `Run.write_status` writes it."""
    if not fits(value, {"state": lambda state: state in STATES}):
        return False
    if not text(value.get("reason", "")):
        return False
    wanted = _RESULTS.get(value["state"])
    return "result" not in value if wanted is None else fits(value.get("result"), wanted)


def metrics(lines: Sequence[Any], epochs: int) -> bool:
    """Whether `lines` are those of a run of that many epochs: each epoch and step once, in order.

    They are not where two processes wrote into one file.
    """
    if len(lines) != epochs + 1 or not fits(lines[0], _LINE):
        return False
    if not all(fits(line, _EPOCH) for line in lines[1:]):
        return False
    lengths = {len(line[key]) for line in lines[1:] for key in ("step_loss", "grad_norm")}
    return len(lengths) == 1 and all(line["epoch"] == i for i, line in enumerate(lines))
