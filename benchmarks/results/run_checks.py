"""Checks of the files of a run: its status, and its line for each epoch."""

from collections.abc import Sequence
from typing import Any

from benchmarks.measures import Metric, measures_per
from keras_optim.compare import checks

STATES = ("queued", "running", "done", "diverged", "failed")
FINISHED = ("done", "diverged")
"""States that a second call does not run again; they have a result."""


def status(value: Any, metric: Metric) -> bool:
    """Tell whether `value` is a status as `Run.write_status` writes it."""
    if not checks.fits(value, {"state": lambda state: state in STATES}):
        return False
    if not checks.text(value.get("reason", "")):
        return False
    state = value["state"]
    if state not in FINISHED:
        return "result" not in value
    wanted = {m.name: m.check for m in measures_per("run", metric) if m.always or state == "done"}
    return checks.fits(value.get("result"), {"epochs": checks.positive, **wanted})


def lines(values: Sequence[Any], epochs: int, metric: Metric) -> bool:
    """Tell whether `values` are the lines of a run: each epoch and step once, in order.

    This fails if two processes wrote into one file.
    """
    rows, steps = measures_per("epoch", metric), measures_per("step", metric)
    before = {"epoch": checks.count, **{m.name: m.check for m in rows if m.always}}
    after = {"epoch": checks.count, **{m.name: m.check for m in rows}}
    after |= {m.name: checks.some(m.check) for m in steps}
    if len(values) != epochs + 1 or not checks.fits(values[0], before):
        return False
    if not all(checks.fits(line, after) for line in values[1:]):
        return False
    lengths = {len(line[m.name]) for line in values[1:] for m in steps}
    return len(lengths) == 1 and all(line["epoch"] == i for i, line in enumerate(values))
