"""Comparison, from its request to its results folder: probe, data, plan, training, report."""

import platform
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.comparison import probe_cache
from benchmarks.comparison.probe import Probe, ProbeRequest
from benchmarks.comparison.progress import Progress
from benchmarks.report import tables
from benchmarks.results.runs import PROTOCOL, Run
from benchmarks.workloads import datasets
from benchmarks.workloads.fetching import fetch
from benchmarks.workloads.models import Workload
from keras_optim.compare import json_files
from keras_optim.compare.process import children as processes
from keras_optim.compare.process.errors import UsageError

_TRAINING = "benchmarks.training.training"
SCHEMA = 1
"""Version of the layout of the results folder."""


@dataclass(frozen=True)
class Comparison:
    """Settings from the command line; `None` stands for the workload's own value."""

    workloads: Sequence[Workload]
    optimizers: Sequence[str]
    results: Path
    data_dir: Path | None
    epochs: int | None
    num_train: int | None
    batch_size: int | None
    seed: int
    backend: str
    device: str
    force: bool
    command: str

    @property
    def cache(self) -> Path:
        """The folder of the arrays of the data sets."""
        return datasets.cache(self.results)

    @property
    def request(self) -> ProbeRequest:
        """The question about optimizers and device."""
        return ProbeRequest(self.backend, self.device, self.optimizers)


def compare(comparison: Comparison, console: Console) -> int:
    """Train the missing runs, write tables and figures of all; return the exit status.

    Raises:
        UsageError: a request cannot be met; no run was trained.
    """
    runs, probe = _prepared(comparison, console)
    missing = _missing(comparison, runs)
    for run in runs:
        run.write_spec()
    _write_manifest(comparison, probe)
    _train(missing, comparison, console, len(runs) - len(missing))
    _report(runs, probe, comparison, console)
    return 1 if any(run.state == "failed" for run in runs) else 0


def _prepared(comparison: Comparison, console: Console) -> tuple[list[Run], Probe]:
    """Plan the runs, and check that those to be trained have their device and their data."""
    request, results = comparison.request, comparison.results
    with console.status("importing the backend, checking optimizers and device"):
        kept = probe_cache.kept(request, results)
        probe = kept or probe_cache.ask(request, results)
    with console.status("reading the data"):
        editions = _editions(comparison)
    runs = _plan(comparison, probe, editions)
    if not _missing(comparison, runs):
        return runs, probe
    if kept:  # the device may be gone by now, so ask again before any training
        with console.status("checking the device"):
            probe = probe_cache.ask(request, results)
    _check_batches(runs, probe.device.count)
    with console.status("reading the data"):
        absent = [e.name for e in editions.values() if not datasets.intact(e, results)]
        editions |= fetch(absent, comparison.data_dir, results)
    return _plan(comparison, probe, editions), probe


def _missing(comparison: Comparison, runs: Sequence[Run]) -> list[Run]:
    """List the runs to be trained."""
    return [run for run in runs if comparison.force or not run.finished]


def _report(runs: Sequence[Run], probe: Probe, comparison: Comparison, console: Console) -> None:
    """Write and show the tables; draw the figures."""
    rows = tables.rows(runs)
    tables.write(rows, comparison.results / "tables")
    from benchmarks.report import figures  # imported late, because matplotlib takes a second

    drawn = figures.draw(runs, probe.names, comparison.results / "plots")
    tables.show(rows, console)
    console.print(f"{drawn} figures in {comparison.results / 'plots'}", soft_wrap=True)


def _train(missing: Sequence[Run], comparison: Comparison, console: Console, kept: int) -> None:
    """Train the missing runs one after the other; note a failed run, and begin the next."""
    environment = comparison.request.environment
    for run in missing:
        if not run.finished:
            run.reset()
    if kept:
        console.print(f"{kept} of {kept + len(missing)} runs are done already.")
    with Progress(console, len(missing)) as progress:
        for run in missing:
            progress.begin(run)
            run.reset()
            advance = partial(progress.advance, run)
            try:
                code = processes.train(_TRAINING, run.folder, environment, advance)
            except KeyboardInterrupt:
                with suppress(OSError):
                    run.reset()
                raise
            if not run.finished and run.state != "failed":
                last = processes.log_end(run.folder / "log.txt")
                reason = f"the process ended with status {code}: {last}"
                run.write_status("failed", reason)
            progress.end(run)


def _plan(
    comparison: Comparison, probe: Probe, editions: Mapping[str, datasets.Edition]
) -> list[Run]:
    """List every run of the request."""
    versions = probe_cache.versions(comparison.backend)
    return [
        Run(_spec(comparison, w, editions[w.dataset], label, code, versions), comparison.results)
        for w in comparison.workloads
        for label, code in probe.optimizers.items()
    ]


def _spec(
    comparison: Comparison,
    workload: Workload,
    edition: datasets.Edition,
    label: str,
    code: str,
    versions: dict[str, str],
) -> dict[str, Any]:
    """Collect all that the numbers of a run depend on (see `Run`)."""
    most = edition.train - edition.held_out
    return {
        "protocol": PROTOCOL,
        "workload": workload.name,
        "data": vars(edition),
        "optimizer": label,
        "code": code,
        "epochs": comparison.epochs or workload.epochs,
        "num_train": min(comparison.num_train or most, most),
        "batch_size": comparison.batch_size or workload.batch_size,
        "seed": comparison.seed,
        "backend": comparison.backend,
        "device": comparison.device,
        "versions": versions,
    }


def _editions(comparison: Comparison) -> dict[str, datasets.Edition]:
    """Find the edition of each data set, and fetch an unknown one."""
    wanted = [datasets.DATASETS[workload.dataset] for workload in comparison.workloads]
    found = {
        dataset.name: datasets.edition_at_hand(dataset, comparison.data_dir, comparison.results)
        for dataset in wanted
    }
    unknown = [name for name, edition in found.items() if edition is None]
    fetched = fetch(unknown, comparison.data_dir, comparison.results)
    return {name: edition or fetched[name] for name, edition in found.items()}


def _check_batches(runs: Sequence[Run], devices: int) -> None:
    """Refuse a batch or a training set that the devices cannot share."""
    fewest = min(run.spec["num_train"] for run in runs)
    if fewest < devices:
        raise UsageError(f"--num-train {fewest}: {devices} devices need an example each")
    for size in sorted({run.spec["batch_size"] for run in runs}):
        if size % devices:
            raise UsageError(
                f"a batch of {size} cannot be shared by {devices} devices; give --batch-size a "
                f"multiple of {devices}, or use --device cpu"
            )


def _write_manifest(comparison: Comparison, probe: Probe) -> None:
    """Write the manifest of the folder: command, versions and host of the last call."""
    json_files.write_json(
        comparison.results / "manifest.json",
        {
            "schema": SCHEMA,
            "command": comparison.command,
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "git_revision": _git_revision(),
            "versions": {
                "python": platform.python_version(),
                **probe_cache.versions(comparison.backend),
                "matplotlib": metadata.version("matplotlib"),
                "numpy": metadata.version("numpy"),
            },
            "host": {
                "name": platform.node(),
                "system": platform.platform(),
                "machine": platform.machine(),
            },
            "device": {"asked": comparison.device, **asdict(probe.device)},
        },
    )


def _git_revision() -> str | None:
    """Return the commit of this checkout; `None` without git or a repository."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        git = subprocess.run(
            command,
            cwd=processes.ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    except OSError:
        return None
    return git.stdout.strip() or None
