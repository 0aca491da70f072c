"""How runs of the benchmark end, with training replaced by its outcome; progress in a terminal."""

import io
import re
import sys

import pytest
from rich.console import Console

from benchmarks.comparison.progress import Progress
from benchmarks.results.runs import Run
from benchmarks.training import training
from benchmarks.workloads import datasets
from tests.benchmarks.results_folder import OPTIMIZERS, RESULT
from tests.conftest import BACKEND, one_backend

pytestmark = one_backend


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
