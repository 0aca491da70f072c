"""The benchmark's command line, run as a user runs it: a process of its own.

The engine is tested in `tests/compare`. Here `digits` is compared once on each backend, and the
real data sets once on PyTorch.
"""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from keras_optim.compare.store import load
from tests.conftest import BACKEND, one_backend

ROOT = Path(__file__).parents[2]
RECORDS = ROOT.parent / "shared" / "data" / "tfds"
OPTIMIZERS = ["sgd[momentum=0.9,nesterov=true]", "lookahead[inner=adam]"]


def call(folder, *arguments, **environment):
    command = [sys.executable, "-m", "benchmarks.bench", "--backend", BACKEND]
    return subprocess.run(
        [*command, "--graph-directory", str(folder), *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


DIGITS = ["--num-epochs", "2", "--num-train", "320", "--optimizers", *OPTIMIZERS]


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits")
    process = call(folder, *DIGITS, "--seeds", "2")
    assert process.returncode == 0, process.stderr
    return folder, process


def test_runs(digits):
    folder, process = digits
    assert BACKEND == "tensorflow" or process.stderr == ""  # TensorFlow greets on it
    comparison = load(folder)
    assert comparison.optimizers == tuple(OPTIMIZERS)
    judging = [run for run in comparison.runs if run.spec.stage == "judging"]
    assert len(judging) == 4
    for run in judging:
        assert run.state == "done"
        assert run.spec.seed in (1, 2)
        assert run.spec.epochs == 2
        assert run.cost["steps_per_epoch"] == 10
        assert run.epochs["val_loss"][2] < run.epochs["val_loss"][0]
        assert all(norm > 0 for norm in run.steps["gradient_norm"])
    memory = {r.spec.optimizer: r.cost["state_bytes"] / r.cost["weight_bytes"] for r in judging}
    assert memory == {OPTIMIZERS[0]: 1.0, OPTIMIZERS[1]: 3.0}
    tuning = [run for run in comparison.runs if run.spec.stage == "tuning"]
    assert 10 <= len(tuning) <= 16
    assert all(not run.test for run in tuning)


def test_files(digits):
    folder = digits[0]
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["setting"]["command"].startswith("python -m benchmarks.bench --backend")
    assert manifest["setting"]["versions"]["keras_optim"]
    text = (folder / "tables" / "summary.csv").read_text(encoding="utf-8")
    assert {row["optimizer"] for row in csv.DictReader(text.splitlines())} == set(OPTIMIZERS)
    text = (folder / "report.md").read_text(encoding="utf-8")
    assert "| sgd\\[momentum=0.9,nesterov=true\\] |" in text
    pictures = {path.name for path in (folder / "plots").iterdir() if path.suffix == ".png"}
    expected = {"loss_digits.png", "accuracy_digits.png", "grad_norm_digits.png"}
    assert pictures >= {*expected, "lr_sensitivity_digits.png", "time_to_target_digits.png"}
    assert len([name for name in pictures if name.startswith(("sgd-", "lookahead-"))]) == 2
    assert (folder / "report.html").stat().st_size < 3e6


@one_backend
def test_a_second_call_trains_nothing(digits):
    before = {path: path.stat().st_mtime_ns for path in (digits[0] / "runs").iterdir()}
    process = call(digits[0], *DIGITS, "--seeds", "2")
    assert process.returncode == 0, process.stderr
    assert before == {path: path.stat().st_mtime_ns for path in (digits[0] / "runs").iterdir()}


@one_backend  # each backend trains on the digits above
def test_real_data(tmp_path):
    if not RECORDS.is_dir():
        pytest.skip(f"no data sets in {RECORDS}")
    size = ["--num-epochs", "1", "--num-train", "256", "--batch-size", "64", "--tune", "none"]
    data = ["--data-dir", str(RECORDS), "--mnist", "--cifar", "--imdb", "--seeds", "1"]
    process = call(tmp_path, *data, *size, "--optimizers", "rmsprop")
    assert process.returncode == 0, process.stderr
    comparison = load(tmp_path)
    sizes = {n: (s.train, s.validation, s.test) for n, s in comparison.subjects.items()}
    assert sizes["mnist"] == (256, 6_000, 10_000)
    assert sizes["cifar"][:2] == (256, 600)
    assert sizes["imdb"][:2] == (256, 800)
    runs = {run.spec.workload: run for run in comparison.runs}
    before = {name: run.epochs["val_loss"][0] for name, run in runs.items()}
    assert 2.2 < before["mnist"] < 2.6
    assert 3.4 < before["cifar"] < 3.7  # with its L2 penalty
    assert 0.68 < before["imdb"] < 0.71
    assert runs["mnist"].test["accuracy"] > 0.5


# ---- requests that cannot be met: one line, exit status 2


@one_backend
def test_data_that_cannot_be_had(tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    # A proxy that refuses stands for a machine without network, wherever this test runs.
    proxy = {"HTTPS_PROXY": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    process = call(tmp_path / "results", "--mnist", "--data-dir", str(empty), **proxy)
    assert process.returncode == 2
    assert process.stdout == ""
    assert process.stderr.startswith("bench: ") and process.stderr.count("\n") == 1
    assert f"mnist is not in {empty} and could not be" in process.stderr
    assert not list((tmp_path / "results" / "runs").iterdir())
