"""The benchmark's command line, run as a user runs it: a process of its own.

Runs are shared: `digits` is interrupted and resumed once, `real` trains once on each real data set.
"""

import csv
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from rich.console import Console

from benchmarks import bench, figures, probe, processes, training
from benchmarks.errors import UsageError
from benchmarks.layout import spread
from benchmarks.progress import Progress
from benchmarks.runs import open_run
from benchmarks.specs import parse_specs
from tests.conftest import BACKEND

ROOT = Path(__file__).parent.parent
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
    process = subprocess.Popen(
        command(folder, *DIGITS),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    first = process.stdout.readline()
    while "running" not in states_in(folder) and process.poll() is None:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=60)
    states = states_in(folder)
    return folder, process.returncode, first, rest, errors, states


@pytest.fixture(scope="module")
def digits(interrupted):
    folder = interrupted[0]
    process = call(folder, *DIGITS)
    return folder, process, finished(process, folder)


def test_interruption_keeps_what_is_done(interrupted):
    _, code, first, rest, errors, states = interrupted
    assert code == 130
    assert first.startswith("[1/2] digits sgd[momentum=0.9,nesterov=true]: done, test accuracy 0.")
    assert rest == ""
    assert errors == "bench: interrupted; the same command continues where it stopped.\n"
    assert states == ["done", "queued"]


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


def test_training_imports_no_tensorflow(real, digits):
    for run in (*real[1].values(), *digits[2].values()):
        assert BACKEND in run.result["frameworks"]
        assert ("tensorflow" in run.result["frameworks"]) == (BACKEND == "tensorflow")


# ---- what cannot be had: one line, exit status 2


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--svhn"], "unrecognized arguments: --svhn (data sets: --digits --mnist --cifar --imdb"),
        (["--num-epochs", "0"], "--num-epochs: must be a whole number from 1 up, not '0'"),
        (["--num-train", "many"], "--num-train: must be a whole number from 1 up, not 'many'"),
        (["--batch-size", "-3"], "--batch-size: must be a whole number"),
        (["--seed", "1.5"], "--seed: must be a whole number from 0 up"),
        (["--backend", "mxnet"], "--backend: invalid choice: 'mxnet'"),
        (["--device", "npu"], "--device: invalid choice: 'npu'"),
        (["--optimizers"], "--optimizers: expected at least one argument"),
        (["--optimizers", "sgd["], "optimizer 'sgd[': expected a name or a value at the end"),
        (["--graph-directory", "{file}/results"], "give --graph-directory another folder"),
    ],
)
def test_usage_errors(arguments, expected, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "file"
    file.touch()
    assert bench.main([text.format(file=file) for text in arguments]) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.startswith("bench: ") and error.count("\n") == 1
    assert expected in error


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


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("adam[beta_1=2]", "`beta_1` must be a number in"),
        ("adam[beta_3=0.9]", "unknown argument `beta_3`"),
        ("sgd[momentum=much]", "`momentum`"),
        ("lookahead[inner=adam[epsilon=-1]]", "`epsilon`"),
        ("lookahead[inner=adma]", "lookahead[inner=adma]: Lookahead"),
    ],
)
def test_wrong_hyper_parameters(label, expected):
    request = {"backend": BACKEND, "device": "cpu", "optimizers": ["sgd", label]}
    with pytest.raises(UsageError) as caught:
        probe.probe(request)
    assert str(caught.value).startswith(f"optimizer {label}: ")
    assert expected in str(caught.value)


def test_a_device_that_is_not_there():
    with pytest.raises(UsageError, match=r"--device tpu: .* finds no TPU.*; found: .*(cpu|CPU)"):
        probe.probe({"backend": BACKEND, "device": "tpu", "optimizers": ["sgd"]})


# ---- optimizers as the command line spells them


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("adam", ["adam"]),
        ("Adam, SGD", ["adam", "sgd"]),
        ("sgd[]", ["sgd"]),
        ("sgd[nesterov=True, momentum=.9]", ["sgd[momentum=0.9,nesterov=true]"]),
        ("adam[epsilon=1e-8,clipnorm=none]", ["adam[clipnorm=none,epsilon=1e-08]"]),
        ("adam[learning_rate=1]", ["adam[learning_rate=1]"]),
        ("sgd[name=fast-1.0]", None),
        ("lookahead[inner=adam,sync_period=5]", ["lookahead[inner=adam,sync_period=5]"]),
        ("lookahead[inner=sgd[momentum=0.9]]", ["lookahead[inner=sgd[momentum=0.9]]"]),
        ("a[inner=b[inner=c[x=-1]]],d", ["a[inner=b[inner=c[x=-1]]]", "d"]),
        ("aggmo[betas=(0,0.9,0.99)]", ["aggmo[betas=(0,0.9,0.99)]"]),
        ("", None),
        ("sgd]", None),
        ("sgd[momentum]", None),
        ("sgd[momentum=]", None),
        ("sgd[momentum=0.9,momentum=0.8]", None),
        ("sgd[momentum=0.9", None),
        ("sgd[momentum=0.9;nesterov=true]", None),
        ("0.9", None),
        ("adam sgd", None),
    ],
)
def test_spelling(text, labels):
    if labels is None:
        with pytest.raises(UsageError, match="optimizer "):
            parse_specs(text)
        return
    specs = parse_specs(text)
    assert [str(spec) for spec in specs] == labels
    assert [parse_specs(label)[0] for label in labels] == specs


def test_arguments_reach_the_optimizer():
    (spec,) = parse_specs("lookahead[inner=sgd[momentum=0.5,nesterov=true],sync_period=7]")
    optimizer = spec.build()
    assert optimizer.sync_period == 7
    assert optimizer.inner.momentum == 0.5 and optimizer.inner.nesterov is True


def test_another_algorithm_does_not_make_results_stale():
    both = probe.probe({"backend": BACKEND, "device": "cpu", "optimizers": ["all"]})["optimizers"]
    assert list(both)[-1] == "lookahead[inner=adam]"
    assert both["adam"] != both["sgd"] != both["lookahead[inner=adam]"]
    again = probe.probe({"backend": BACKEND, "device": "cpu", "optimizers": ["adam"]})
    assert again["optimizers"]["adam"] == both["adam"]


# ---- how runs end, with training replaced


@pytest.fixture
def ended(digits, tmp_path, monkeypatch, capsys):
    """Call the command line while each run ends as `endings` says; status, outputs and runs."""
    folder = tmp_path / "results"
    shutil.copytree(digits[0] / "data", folder / "data")
    metrics = {run.spec["optimizer"]: run.metrics for run in digits[2].values()}
    trained = []

    def train(path, environment, on_event):
        run = open_run(path)
        trained.append(run.spec["optimizer"])
        for line in metrics[run.spec["optimizer"]]:
            run.add(line)
            on_event({"epoch": line["epoch"], "step": 0, "steps": 10, "loss": line["loss"]})
        ending = endings[run.spec["optimizer"]]
        if ending is None:
            (path / "log.txt").write_text("Traceback\nMemoryError: too big\n")
            return -9
        run.write_status(ending[0], *ending[1:], result=digits[2]["digits", OPTIMIZERS[1]].result)
        return 0

    endings: dict = {}
    monkeypatch.setattr(processes, "train", train)
    labels = dict.fromkeys(OPTIMIZERS, "c0de")
    device = {"kind": "cpu", "count": 1, "description": "cpu"}
    answer = {"names": ["sgd", "adam"], "optimizers": labels, "device": device}
    monkeypatch.setattr(processes, "ask", lambda *_: answer)
    monkeypatch.setattr(figures, "draw", lambda *_: 0)

    def run(*arguments, **outcomes):
        endings.update(zip(OPTIMIZERS, outcomes.values(), strict=False))
        trained.clear()
        status = bench.main([*command(folder, *DIGITS)[3:], *arguments])
        rows = summary(folder)
        return status, capsys.readouterr().out, {row["optimizer"]: row for row in rows}, trained

    return run


def test_a_run_that_diverged_is_a_miss_and_stays(ended):
    status, out, rows, _ = ended(sgd=("diverged", "the loss is not finite"), lookahead=("done",))
    assert status == 0
    assert "diverged: the loss is not finite" in out
    assert rows[OPTIMIZERS[0]]["status"] == "diverged"
    assert list(rows) == OPTIMIZERS[::-1] or rows[OPTIMIZERS[0]]["test_accuracy"]
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


def test_a_failure_of_training_is_written_down(digits, tmp_path, capfd, monkeypatch):
    run = digits[2]["digits", OPTIMIZERS[0]]
    shutil.copytree(run.folder, tmp_path / "runs" / run.id)  # and no data beside it
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    assert training.main(str(tmp_path / "runs" / run.id)) == 1
    status = open_run(tmp_path / "runs" / run.id).status
    assert status["state"] == "failed" and "digits-sklearn" in status["reason"]
    assert "Traceback" in capfd.readouterr().err


def test_a_terminal_gets_a_bar_over_runs_and_epochs(digits):
    console = Console(file=io.StringIO(), force_terminal=True, width=120)
    name = ("digits", OPTIMIZERS[0])
    run = digits[2][name]
    with Progress(console, 2) as progress:
        progress.begin(run)
        progress.advance(run, {"epoch": 1, "step": 3, "steps": 10})
        progress.bars.refresh()
        progress.advance(run, {"epoch": 2, "step": 0, "steps": 10, "loss": 0.25})
        progress.end(run)
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", console.file.getvalue())
    assert re.search(rf"{re.escape(' '.join(name))} .* 1/2 epochs .* step 3 of 10", shown)
    assert "[1/2] digits sgd[momentum=0.9,nesterov=true]: done" in shown
    assert re.search(r"all runs .* 1/2 runs", shown)


# ---- places of labels


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ([50.0], [50.0]),
        ([10.0, 90.0], [10.0, 90.0]),
        ([50.0, 50.0], [45.0, 55.0]),
        ([50.0, 40.0, 45.0], [55.0, 35.0, 45.0]),
        ([0.0, 0.0, 0.0], [0.0, 10.0, 20.0]),
        ([100.0, 99.0], [100.0, 90.0]),
        ([50.0] * 21, list(np.linspace(0, 100, 21))),
    ],
)
def test_labels_do_not_overlap(wanted, expected):
    np.testing.assert_allclose(spread(wanted, 10.0, 0.0, 100.0), expected)
