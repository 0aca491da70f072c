"""Runs: the spec, the folder and the status of each training."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmarks.measures import Metric
from benchmarks.results import run_checks
from benchmarks.results.run_checks import FINISHED
from benchmarks.workloads.models import WORKLOADS
from keras_optim.compare import checks, json_files
from keras_optim.compare.process.errors import UsageError

PROTOCOL = 1
"""Version of models, splits and measurements, a part of every spec. Raise it when one of these
changes, so that no result of the old protocol counts as one of the new."""


@dataclass(frozen=True)
class Run:
    """One optimizer on one workload; two calls for the same training give the same run.

    The spec holds all that the numbers depend on: workload, edition of the data, optimizer and its
    code, epochs, examples, batch size, seed, backend, device as asked for, versions, protocol. It
    holds no path and no host, so that results can be copied from machine to machine.
    """

    spec: dict[str, Any]
    results: Path

    @cached_property
    def id(self) -> str:
        """Short hash of the spec; the order of its keys does not matter."""
        return hashlib.sha256(json_files.canonical(self.spec).encode()).hexdigest()[:12]

    @property
    def metric(self) -> Metric:
        """The metric of the workload."""
        return WORKLOADS[self.spec["workload"]].metric

    @property
    def folder(self) -> Path:
        """The folder of spec, metrics, status and log."""
        return self.results / "runs" / self.id

    @property
    def status(self) -> dict[str, Any]:
        """The last written status; that of a run that has not begun, if it is damaged."""
        status = json_files.read_json(self.folder / "status.json")
        return status if run_checks.status(status, self.metric) else {"state": "queued"}

    @property
    def state(self) -> str:
        """queued, running, done, diverged or failed."""
        return str(self.status["state"])

    @property
    def finished(self) -> bool:
        """Whether the run ended, and its files hold all measures."""
        status = self.status
        if status["state"] not in FINISHED:
            return False
        epochs = status["result"]["epochs"]
        if status["state"] == "done" and epochs != self.spec["epochs"]:
            return False
        return run_checks.lines(self.metrics, epochs, self.metric)

    @property
    def result(self) -> dict[str, Any]:
        """The measures of the whole run; empty unless it finished."""
        return dict(self.status.get("result", {}))

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """One entry per epoch, the first of them before training."""
        return json_files.read_lines(self.folder / "metrics.jsonl")

    def reset(self) -> None:
        """Reset the folder to a run that has not begun."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "metrics.jsonl").unlink(missing_ok=True)
        self.write_spec()
        self.write_status("queued")

    def write_spec(self) -> None:
        """Write the spec, unless the folder has it."""
        path = self.folder / "spec.json"
        if json_files.read_json(path) != self.spec:
            json_files.write_json(path, self.spec)

    def add(self, metrics: dict[str, Any]) -> None:
        """Append the line of an epoch."""
        json_files.append_line(self.folder / "metrics.jsonl", metrics)

    def write_status(self, state: str, reason: str = "", **more: Any) -> None:
        """Replace the status; a reason belongs to `failed` and `diverged`."""
        status = {"state": state, "time": datetime.now(UTC).isoformat(timespec="seconds"), **more}
        if reason:
            status["reason"] = reason
        json_files.write_json(self.folder / "status.json", status)


def open_run(folder: Path) -> Run:
    """Open the run whose spec lies in `folder`.

    Raises:
        UsageError: the spec is missing or damaged, or its workload is unknown.
    """
    spec = json_files.read_json(folder / "spec.json")
    if not checks.fits(spec, checks.SPEC) or spec["workload"] not in WORKLOADS:
        raise UsageError(f"{folder / 'spec.json'} is not the spec of a run")
    return Run(spec, folder.parent.parent)
