"""A results folder, made by the command line with training replaced by its outcome."""

import csv

import numpy as np
import pytest

from benchmarks import bench
from benchmarks.comparison import comparison, probe_cache
from benchmarks.report import figures
from benchmarks.report.curves import Curves
from benchmarks.results.runs import open_run
from benchmarks.workloads import datasets
from keras_optim.compare.process import children as processes
from tests.benchmarks.results_folder import METRICS, MISSED, OPTIMIZERS, RESULT, all_runs
from tests.conftest import BACKEND

PROBED = {
    "names": ["sgd", "adam"],
    "optimizers": dict.fromkeys(OPTIMIZERS, "c0de"),
    "device": {"kind": "cpu", "count": 1, "description": "cpu"},
}


def cached(folder):
    """Write arrays of the sizes of the digits; their edition."""
    edition = datasets.edition_at_hand(datasets.DATASETS["digits"], None, folder)
    part = {"x": np.zeros((1797, 8, 8, 1), "uint8"), "y": np.zeros(1797, "uint8")}
    arrays = {f"train_{name}": values[:1437] for name, values in part.items()}
    arrays |= {f"test_{name}": values[1437:] for name, values in part.items()}
    np.savez(datasets.cache(folder) / edition.file_name, scale=16.0, **arrays)
    return {"digits": vars(edition)}


def end(path, ending, on_event):
    """What training leaves in the folder of a run that ends so; its exit status."""
    run = open_run(path)
    for line in METRICS:
        run.add(line)
        on_event({"epoch": line["epoch"], "step": 0, "steps": 10, "loss": line["loss"]})
    if ending is None:
        (path / "log.txt").write_text("Traceback\nMemoryError: too big\n")
        return -9
    run.write_status(*ending, result=RESULT if ending == ("done",) else MISSED)
    return 0


@pytest.fixture
def ended(tmp_path, monkeypatch, capsys):
    """Call the command line while each run ends as it is told; status, output, rows and runs."""
    folder, trained, endings = tmp_path / "results", [], {}
    datasets.cache(folder).mkdir(parents=True)
    cached(folder)

    def train(_, path, environment, on_event):
        trained.append(open_run(path).spec["optimizer"])
        return end(path, endings[trained[-1]], on_event)

    def ask(module, *_):
        return PROBED if module == "benchmarks.comparison.probe" else cached(folder)

    monkeypatch.setattr(processes, "train", train)
    monkeypatch.setattr(processes, "ask", ask)
    monkeypatch.setattr(comparison, "_git_revision", lambda: None)  # they take most of the time
    monkeypatch.setattr(probe_cache, "_version", lambda _: "1.0")
    # What is drawn is read at least.
    monkeypatch.setattr(
        figures, "draw", lambda runs, *_: len([Curves.of(run) for run in runs if run.finished])
    )

    def run(*arguments, **outcomes):
        endings.update(zip(OPTIMIZERS, outcomes.values(), strict=False))
        trained.clear()
        asked = ["--backend", BACKEND, "--graph-directory", str(folder), "--num-epochs", "2"]
        status = bench.main([*asked, "--optimizers", *OPTIMIZERS, *arguments])
        text = (folder / "tables" / "summary.csv").read_text(encoding="utf-8")
        rows = {row["optimizer"]: row for row in csv.DictReader(text.splitlines())}
        out, run.errors = capsys.readouterr()
        return status, out, rows, trained

    run.folder = folder
    return run


@pytest.fixture
def damaged(ended):
    """A finished comparison, and the path in it that `name` means."""
    assert ended(sgd=("done",), lookahead=("done",))[0] == 0
    folder = ended.folder
    (first,) = (run for run in all_runs(folder) if run.spec["optimizer"] == OPTIMIZERS[0])
    (first.folder / "log.txt").write_text("some warning of a library\n")
    (cache,) = (path.name for path in datasets.cache(folder).iterdir())
    return ended, lambda name: folder / name.format(id=first.id, cache=cache)
