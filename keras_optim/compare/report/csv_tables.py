"""Tables of all numbers as CSV: of each optimizer, of each run, of each epoch."""

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from keras_optim.compare.analysis import scores
from keras_optim.compare.analysis.columns import columns
from keras_optim.compare.report.view import View


def tables(view: View) -> dict[str, str]:
    """Return the text of each file by its name without a suffix."""
    return {name: make(view) for name, make in _FILES.items()}


def _runs(view: View) -> str:
    """Write a row for each run, with all that was measured once."""
    rows = []
    for run in view.comparison.runs:
        spec = run.spec
        subject = view.comparison.subjects[spec.workload]
        score = scores.score(run, subject) if spec.stage == "judging" else math.nan
        rows.append(
            {
                "run": run.id,
                "workload": spec.workload,
                "optimizer": spec.optimizer,
                "stage": spec.stage,
                "seed": spec.seed,
                **spec.hyperparameters,
                "state": run.state,
                "reason": run.reason,
                "score": score,
                **{f"test_{name}": value for name, value in run.test.items()},
                **run.cost,
                "machine": run.machine,
            }
        )
    return _csv(rows)


def _curves(view: View) -> str:
    """Write a row for each epoch of each judging run."""
    rows = []
    for run in view.comparison.runs:
        if run.spec.stage != "judging":
            continue
        length = max(map(len, run.epochs.values()), default=0)
        for epoch in range(length):
            at = {name: _at(values, epoch) for name, values in run.epochs.items()}
            spec = run.spec
            key = {"workload": spec.workload, "optimizer": spec.optimizer, "seed": spec.seed}
            rows.append({**key, "epoch": epoch, **at})
    return _csv(rows)


def _at(values: Sequence[float], place: int) -> float:
    return float(values[place]) if place < len(values) else math.nan


def _csv(rows: Iterable[Mapping[str, Any]]) -> str:
    """Write rows under the names that any of them has; NaN is an empty cell."""
    rows = list(rows)
    names = dict.fromkeys(name for row in rows for name in row)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(names), restval="", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(value) for name, value in row.items()})
    return text.getvalue()


def _cell(value: Any) -> Any:
    """Write a number with nine digits; a text that a spreadsheet would compute, as text."""
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.9g}"
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@"):
        return f"'{value}"
    return value


def _summary(view: View) -> str:
    """Write a row for each optimizer on each workload."""
    table = []
    for workload, rows in view.rows.items():
        for row in rows:
            values: dict[str, Any] = {"workload": workload}
            for column in columns(view.comparison, workload):
                values |= _flat(column.key, column.value(row))
            table.append(values)
    return _csv(table)


def _flat(key: str, value: Any) -> dict[str, Any]:
    """Give each end of an interval, and each hyper-parameter, a column of its own."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, tuple):
        return {f"{key}_low": value[0], f"{key}_high": value[1]}
    return {key: value}


_FILES = {"summary": _summary, "runs": _runs, "curves": _curves}
