"""Store: the finished runs of a comparison, in memory and in a folder.

A run is one file, written when it has ended and renamed into place. So a process that is killed
loses the run it was training and no other, and the same call continues with that one.
"""

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from keras_optim.compare import checks, json_files
from keras_optim.compare.comparison import Comparison, Measured, Setting, Subject
from keras_optim.compare.process.errors import UsageError
from keras_optim.compare.runs import Run, Spec

MANIFEST = "manifest.json"
SCHEMA = 2
"""Version of the layout of the folder."""


class Store:
    """Runs by their id.

    Args:
        folder: The folder of the results. Default `None`: they are kept in memory alone.
    """

    def __init__(self, folder: Path | None = None):
        self.folder = folder
        self.runs: dict[str, Run] = {}
        self._read = False
        if folder is not None:
            _prepare(folder)

    def find(self, spec: Spec) -> Run | None:
        """Return the run with this spec, if it has ended and its file is sound."""
        run = self.runs.get(spec.id)
        if run is None and self.folder is not None:
            run = read(self.folder / "runs" / f"{spec.id}.json")
            if run is not None and run.id == spec.id:
                self.runs[run.id] = run
        return self.runs.get(spec.id)

    def like(self, spec: Spec) -> list[Run]:
        """Return the runs that differ from `spec` in their hyper-parameters alone."""
        if self.folder is not None and not self._read:
            self._read = True
            for path in sorted((self.folder / "runs").glob("*.json")):
                run = read(path)
                if run is not None and run.id == path.stem:
                    self.runs.setdefault(run.id, run)
        return [run for run in self.runs.values() if run.spec.group == spec.group]

    def add(self, run: Run) -> None:
        """Keep a run that has ended; one that failed only for this call."""
        value = json_files.rounded(encoded(run))  # so decisions are those of a call that resumes
        self.runs[run.id] = decoded(value)
        if self.folder is not None and run.state != "failed":
            json_files.write_json(self.folder / "runs" / f"{run.id}.json", value, indent=None)

    def forget(self, spec: Spec) -> None:
        """Drop the run with this spec, if there is one."""
        self.runs.pop(spec.id, None)
        if self.folder is not None:
            (self.folder / "runs" / f"{spec.id}.json").unlink(missing_ok=True)

    def write_manifest(self, comparison: Comparison, **facts: Any) -> None:
        """Write all that `load` needs besides the runs, and further facts for readers."""
        if self.folder is None:
            return
        chosen = [
            {"workload": w, "optimizer": o, "hyperparameters": dict(values)}
            for (w, o), values in comparison.chosen.items()
        ]
        json_files.write_json(
            self.folder / MANIFEST,
            {
                "schema": SCHEMA,
                **facts,
                "subjects": [asdict(s) for s in comparison.subjects.values()],
                "optimizers": list(comparison.optimizers),
                "setting": asdict(comparison.setting),
                "chosen": chosen,
                "runs": [run.id for run in comparison.runs if run.state != "failed"],
                "failed": [encoded(run) for run in comparison.runs if run.state == "failed"],
            },
        )


def load(folder: Path) -> Comparison:
    """Return the comparison that a folder holds.

    Raises:
        UsageError: the folder has none, or its manifest is damaged.
    """
    manifest = json_files.read_json(folder / MANIFEST)
    if not isinstance(manifest, dict) or manifest.get("schema") != SCHEMA:
        raise UsageError(
            f"{folder} holds no results of this version ({MANIFEST} is missing or damaged); the "
            "command that made them writes it again"
        )
    try:
        subjects = [subject(one) for one in manifest["subjects"]]
        setting = Setting(**{**manifest["setting"], "seeds": tuple(manifest["setting"]["seeds"])})
        chosen = {(c["workload"], c["optimizer"]): c["hyperparameters"] for c in manifest["chosen"]}
        files = [read(folder / "runs" / f"{name}.json") for name in manifest["runs"]]
        runs = [run for run in files if run is not None]
        runs += [decoded(one) for one in manifest["failed"]]
        optimizers = tuple(manifest["optimizers"])
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{folder / MANIFEST} is damaged; run its command again") from error
    return Comparison({s.name: s for s in subjects}, optimizers, tuple(runs), setting, chosen)


def subject(value: Any) -> Subject:
    """Make the facts about a workload from their JSON."""
    return Subject(**{**value, "metrics": tuple(Measured(**m) for m in value["metrics"])})


def read(path: Path) -> Run | None:
    """Read a run; `None` if the file is missing or damaged."""
    value = json_files.read_json(path)
    try:
        return decoded(value)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def decoded(value: Any) -> Run:
    """Make a run from its JSON.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: it is damaged.
    """
    spec = Spec(**value["spec"])
    if value["state"] not in ("done", "diverged", "failed") or not checks.fits(
        vars(spec) | {}, {"workload": checks.text, "optimizer": checks.text, "seed": checks.count}
    ):
        raise ValueError("no run")
    epochs = {name: _floats(v) for name, v in value["epochs"].items()}
    lengths = {len(v) for v in epochs.values()}
    if value["state"] == "done" and lengths != {spec.epochs + 1}:
        raise ValueError("a value for each epoch is expected")
    return Run(
        spec=spec,
        state=value["state"],
        reason=str(value["reason"]),
        epochs=epochs,
        steps={name: _floats(v) for name, v in value["steps"].items()},
        test=_numbers(value["test"]),
        cost=_numbers(value["cost"]),
        machine=str(value["machine"]),
    )


def encoded(run: Run) -> dict[str, Any]:
    """Return a run as JSON; its numbers that are not finite are null once they are rounded."""
    return {
        "spec": run.spec.json,
        "state": run.state,
        "reason": run.reason,
        "epochs": dict(run.epochs),
        "steps": dict(run.steps),
        "test": dict(run.test),
        "cost": dict(run.cost),
        "machine": run.machine,
    }


def _floats(values: Any) -> list[float]:
    return [math.nan if v is None else float(v) for v in values]


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    return {name: math.nan if v is None else float(v) for name, v in values.items()}


def _prepare(folder: Path) -> None:
    """Create the folder, and try to write into it and into its folders once."""
    try:
        (folder / "runs").mkdir(parents=True, exist_ok=True)
        for inner in _folders(folder):
            trial = inner / f".writable.{os.getpid()}"
            try:
                trial.write_bytes(bytes(4096))  # a full disk may take a file, but no contents
            finally:
                trial.unlink(missing_ok=True)
    except OSError as error:
        reason = f"cannot write to {folder} ({error.strerror}); give another folder"
        raise UsageError(reason) from error


def _folders(folder: Path) -> Iterator[Path]:
    names = ("", "runs", "tables", "plots", "tuning")
    yield from (folder / name for name in names if (folder / name).exists())
