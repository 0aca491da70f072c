"""The benchmark's command line, run as a user runs it: a process of its own.

Runs are shared: `digits` is interrupted and resumed once (on PyTorch; elsewhere it runs through),
`real` trains once on each real data set.
"""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from benchmarks.results.runs import open_run
from tests.conftest import BACKEND, one_backend

ROOT = Path(__file__).parents[2]
RECORDS = ROOT.parent / "shared" / "data" / "tfds"
OPTIMIZERS = ["sgd[momentum=0.9,nesterov=true]", "lookahead[inner=adam]"]


def command(folder, *arguments):
    return [
        *(sys.executable, "-m", "benchmarks.bench", "--backend", BACKEND),
        *("--graph-directory", str(folder), *arguments),
    ]


def call(folder, *arguments, **environment):
    return subprocess.run(
        command(folder, *arguments),
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def finished(process, folder):
    assert process.returncode == 0, process.stderr
    runs = [open_run(path.parent) for path in folder.glob("runs/*/spec.json")]
    assert {run.state for run in runs} == {"done"}
    return {(run.spec["workload"], run.spec["optimizer"]): run for run in runs}


def states_in(folder):
    return sorted(open_run(path.parent).state for path in folder.glob("runs/*/spec.json"))


def summary(folder):
    text = (folder / "tables" / "summary.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


# ---- a comparison on digits, interrupted after the first run and resumed

DIGITS = ["--num-epochs", "2", "--num-train", "320", "--optimizers", *OPTIMIZERS]


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits")
    # Whoever starts the tests in the background may have told them to ignore this signal.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        command(folder, *DIGITS),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    signal.signal(signal.SIGINT, before)
    first = process.stdout.readline()
    while "running" not in states_in(folder) and process.poll() is None:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=60)
    states = states_in(folder)
    return folder, process.returncode, first, rest, errors, states


@pytest.fixture(scope="module")
def digits(request, tmp_path_factory):
    if BACKEND == "torch":
        folder = request.getfixturevalue("interrupted")[0]
    else:
        folder = tmp_path_factory.mktemp("digits")
    process = call(folder, *DIGITS)
    return folder, process, finished(process, folder)


@one_backend
def test_interruption_keeps_what_is_done(interrupted):
    _, code, first, rest, errors, states = interrupted
    assert code == 130
    assert first.startswith("[1/2] digits sgd[momentum=0.9,nesterov=true]: done, test accuracy 0.")
    assert rest == ""
    assert errors == "bench: interrupted; the same command continues where it stopped.\n"
    assert states == ["done", "queued"]


@one_backend
def test_the_rest_is_run_by_the_second_call(digits):
    _, process, _ = digits
    lines = process.stdout.splitlines()
    assert lines[0] == "1 of 2 runs are done already."
    assert lines[1].startswith("[1/1] digits lookahead[inner=adam]: done")
    assert process.stderr == ""


def test_metrics_of_a_run(digits):
    _, _, runs = digits
    for run in runs.values():
        before, first, last = run.metrics
        assert before["epoch"] == 0 and before["loss"] > last["loss"]
        assert len(first["grad_norm"]) == len(first["step_loss"]) == 320 // 32
        assert all(norm > 0 for norm in first["grad_norm"])
        np.testing.assert_allclose(np.mean(last["step_loss"]), last["loss"], rtol=1e-4)
        assert run.result["first_step_seconds"] < run.result["seconds"]
        assert run.result["steps_per_second"] > 1
    memory = {name: run.result["state_per_weight"] for (_, name), run in runs.items()}
    assert memory == {OPTIMIZERS[0]: 1.0, OPTIMIZERS[1]: 3.0}


def test_files(digits):
    folder = digits[0]
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["schema"] == 1
    assert manifest["command"].startswith("python -m benchmarks.bench --backend")
    assert manifest["versions"]["keras_optim"]
    rows = summary(folder)
    assert [row["status"] for row in rows] == ["done", "done"]
    assert float(rows[0]["test_accuracy"]) >= float(rows[1]["test_accuracy"])
    text = (folder / "tables" / "summary.md").read_text()
    assert all(f"| {name} | 0." in text for name in OPTIMIZERS)
    pictures = {path.name for path in (folder / "plots").iterdir()}
    assert pictures == {
        "sgd-momentum=0.9,nesterov=true_digits.png",
        "lookahead-inner=adam_digits.png",
        "loss_digits.png",
        "accuracy_digits.png",
        "grad_norm_digits.png",
    }


def test_figures_show_something(digits):
    for path in (digits[0] / "plots").iterdir():
        assert 20_000 < path.stat().st_size < 200_000, path
        pixels = matplotlib.image.imread(path)
        assert pixels.shape[0] > 600 and pixels.shape[1] > 1200
        colors = np.unique(pixels[..., :3] @ [1, 1e3, 1e6])
        assert len(colors) > 20
        # Something is drawn in each quarter of the width.
        for part in np.array_split(pixels, 4, axis=1):
            assert (part[..., :3].min(axis=2) < 0.5).mean() > 0.002, path


@one_backend
def test_what_is_done_needs_no_data_and_no_backend(digits, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(digits[0], folder)  # as to another machine
    shutil.rmtree(folder / "data")
    shutil.rmtree(folder / "plots")
    with next(iter(folder.glob("runs/*/metrics.jsonl"))).open("a") as file:
        file.write('{"epoch": 3, "loss": 0.')  # torn: the process was killed here
    for name in ("keras", "jax", "tensorflow", "torch"):
        (tmp_path / "no" / name).mkdir(parents=True)
        (tmp_path / "no" / name / "__init__.py").write_text(f"raise ImportError('{name}!')")
    process = call(folder, *DIGITS, PYTHONPATH=str(tmp_path / "no"))
    finished(process, folder)
    assert process.stdout.startswith("2 of 2 runs are done already.\n")
    assert len(list((folder / "plots").iterdir())) == 5


# ---- the real data sets


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    if not RECORDS.is_dir():
        pytest.skip(f"no data sets in {RECORDS}")
    folder = tmp_path_factory.mktemp("real")
    size = ["--num-epochs", "1", "--num-train", "256", "--batch-size", "64"]
    data = ["--data-dir", str(RECORDS), "--mnist", "--cifar", "--imdb", "--optimizers", "rmsprop"]
    return folder, finished(call(folder, *data, *size), folder)


@one_backend  # each backend trains on the digits above
def test_real_data(real):
    folder, runs = real
    sizes = {name: run.spec["data"]["train"] for (name, _), run in runs.items()}
    assert sizes == {"mnist": 60_000, "cifar": 6_000, "imdb": 8_000}
    assert len(list((folder / "plots").iterdir())) == 12
    before = {name: run.metrics[0]["val_loss"] for (name, _), run in runs.items()}
    assert 2.2 < before["mnist"] < 2.6
    assert 3.4 < before["cifar"] < 3.7  # with its L2 penalty
    assert 0.68 < before["imdb"] < 0.71
    assert runs["mnist", "rmsprop"].result["test_accuracy"] > 0.5


def test_training_imports_no_tensorflow(digits):
    for run in digits[2].values():
        assert BACKEND in run.result["frameworks"]
        assert ("tensorflow" in run.result["frameworks"]) == (BACKEND == "tensorflow")


# ---- what cannot be had: one line, exit status 2


@one_backend
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--optimizers", "sgd", "adma"], "optimizer adma: No optimizer is called 'adma'."),
        (["--mnist", "--data-dir", "{empty}"], "mnist is not in {empty} and could not be"),
    ],
)
def test_usage_errors_that_a_process_finds(arguments, expected, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    # A proxy that refuses stands for a machine without network, wherever this test runs.
    proxy = {"HTTPS_PROXY": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    process = call(tmp_path / "results", *(a.format(empty=empty) for a in arguments), **proxy)
    assert process.returncode == 2
    assert process.stdout == ""
    assert process.stderr.startswith("bench: ") and process.stderr.count("\n") == 1
    assert expected.format(empty=empty) in process.stderr
    assert not (tmp_path / "results" / "runs").exists()
