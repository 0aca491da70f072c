"""How runs of the benchmark end, with training replaced by its outcome; progress in a terminal."""

import csv
import io
import re
import sys

import numpy as np
import pytest
from rich.console import Console

from benchmarks import bench
from benchmarks.backend import processes
from benchmarks.comparison import comparison, probe_cache
from benchmarks.comparison.progress import Progress
from benchmarks.report import figures
from benchmarks.report.curves import Curves
from benchmarks.results.runs import Run, open_run
from benchmarks.training import training
from benchmarks.workloads import datasets
from tests.conftest import BACKEND, one_backend

pytestmark = one_backend

OPTIMIZERS = ["sgd[momentum=0.9,nesterov=true]", "lookahead[inner=adam]"]
KEYS = ("accuracy", "val_loss", "val_accuracy", "learning_rate")
STEPS = {"step_loss": [0.5, 0.25], "grad_norm": [2.0, 1.0]}
METRICS = [
    {
        "epoch": epoch,
        "loss": 1.0 / (epoch + 1),
        **dict.fromkeys(KEYS, 0.1),
        **(STEPS if epoch else {}),
    }
    for epoch in range(3)
]
MISSED = {
    **{"epochs": 2, "seconds": 1.0, "first_step_seconds": 0.5, "steps_per_second": 9.0},
    **{"state_per_weight": 1.0, "device": "cpu"},
}
RESULT = {**MISSED, "test_accuracy": 0.9, "test_loss": 0.3}


@pytest.fixture
def ended(tmp_path, monkeypatch, capsys):
    """Call the command line while each run ends as it is told; status, output, rows and runs."""
    folder = tmp_path / "results"
    edition = datasets.edition_at_hand(datasets.DATASETS["digits"], None, folder)
    datasets.cache(folder).mkdir(parents=True)

    def cached():
        np.savez(datasets.cache(folder) / edition.file_name, scale=16.0, **arrays)

    part = {"x": np.zeros((1797, 8, 8, 1), "uint8"), "y": np.zeros(1797, "uint8")}
    arrays = {f"train_{name}": values[:1437] for name, values in part.items()}
    arrays |= {f"test_{name}": values[1437:] for name, values in part.items()}
    cached()
    trained = []

    def train(path, environment, on_event):
        run = open_run(path)
        trained.append(run.spec["optimizer"])
        for line in METRICS:
            run.add(line)
            on_event({"epoch": line["epoch"], "step": 0, "steps": 10, "loss": line["loss"]})
        ending = endings[run.spec["optimizer"]]
        if ending is None:
            (path / "log.txt").write_text("Traceback\nMemoryError: too big\n")
            return -9
        result = RESULT if ending == ("done",) else MISSED
        run.write_status(*ending, result=result)
        return 0

    endings: dict = {}
    monkeypatch.setattr(processes, "train", train)
    labels = dict.fromkeys(OPTIMIZERS, "c0de")
    device = {"kind": "cpu", "count": 1, "description": "cpu"}
    probed = {"names": ["sgd", "adam"], "optimizers": labels, "device": device}

    def ask(module, *_):
        if module == "benchmarks.comparison.probe":
            return probed
        cached()
        return {"digits": vars(edition)}

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


def test_a_run_that_diverged_is_a_miss_and_stays(ended):
    status, out, rows, _ = ended(sgd=("diverged", "the loss is not finite"), lookahead=("done",))
    assert status == 0
    assert "diverged: the loss is not finite" in out
    assert rows[OPTIMIZERS[0]]["status"] == "diverged"
    assert list(rows) == OPTIMIZERS[::-1]  # the miss comes last
    assert ended()[3] == []


def test_a_run_that_failed_costs_one_run_and_is_tried_again(ended):
    status, out, rows, _ = ended(sgd=None, lookahead=("done",))
    assert status == 1
    assert "the process ended with status -9: MemoryError: too big" in out
    assert rows[OPTIMIZERS[1]]["status"] == "done"
    status, _, rows, trained = ended(sgd=("done",))
    assert (status, trained) == (0, OPTIMIZERS[:1])
    assert rows[OPTIMIZERS[0]]["status"] == "done"


def test_force_runs_everything_again(ended):
    assert ended(sgd=("done",), lookahead=("done",))[3] == OPTIMIZERS
    assert ended()[3] == []
    assert ended("--force")[3] == OPTIMIZERS


@pytest.fixture
def run(tmp_path):
    """A run that has not begun, in a folder without data."""
    edition = datasets.edition_at_hand(datasets.DATASETS["digits"], None, tmp_path)
    spec = {"workload": "digits", "optimizer": OPTIMIZERS[0], "data": vars(edition)}
    spec |= {"epochs": 2, "num_train": 64, "batch_size": 32, "seed": 0}
    run = Run({**spec, "backend": BACKEND, "device": "auto"}, tmp_path)
    run.reset()
    return run


def test_a_failure_of_training_is_written_down(run, capfd, monkeypatch):
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    assert training.main(str(run.folder)) == 1
    assert run.state == "failed" and "digits-sklearn" in run.status["reason"]
    assert "Traceback" in capfd.readouterr().err


def test_a_terminal_gets_a_bar_over_runs_and_epochs(run):
    console = Console(file=io.StringIO(), force_terminal=True, width=120)
    with Progress(console, 2) as progress:
        progress.begin(run)
        progress.advance(run, {"epoch": 1, "step": 3, "steps": 10})
        progress.bars.refresh()
        progress.advance(run, {"epoch": 2, "step": 0, "steps": 10, "loss": 0.25})
        run.write_status("done", result=RESULT)
        progress.end(run)
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", console.file.getvalue())
    assert re.search(
        r"digits sgd\[momentum=0.9,nesterov=true\] .* 1/2 epochs .* step 3 of 10", shown
    )
    assert "[1/2] digits sgd[momentum=0.9,nesterov=true]: done, test accuracy 0.9000" in shown
    assert re.search(r"all runs .* 1/2 runs", shown)
