"""The command line `python -m keras_optim.compare`: its results, and its one-line errors."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest

import keras_optim
from keras_optim.compare import command, contest, json_files, workers
from keras_optim.compare.process import children, lock
from tests.compare import models
from tests.compare.commands import ROOT, SMALL, Inside, arguments, call, numbers
from tests.conftest import BACKEND, one_backend

OPTIMIZERS = ["sgd", "adam"]


@pytest.fixture(autouse=True)
def light(monkeypatch):
    """Leave out the report, which takes most of the time."""
    monkeypatch.setattr(command, "_write_report", lambda *_: None)


@pytest.fixture
def inside(monkeypatch):
    monkeypatch.setattr(workers, "Child", Inside)
    monkeypatch.setattr(children, "tell", None)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of the function."""
    folder = tmp_path_factory.mktemp("whole")
    keras_optim.compare(models.small(), optimizers=OPTIMIZERS, folder=folder, verbose=False)
    manifest = numbers(folder)["manifest.json"]
    assert len(manifest["runs"]) > 16 and not manifest["failed"]
    return folder


def same(folder, whole):
    found, expected = numbers(folder), numbers(whole)
    more = found["manifest.json"].keys() - expected["manifest.json"].keys()
    assert more <= {"git_revision", "python"}
    for name in more:
        del found["manifest.json"][name]
    assert found == expected
    assert not [path for path in folder.rglob(".*") if path.name != lock.NAME]


# ---- processes


def test_two_workers_make_what_the_function_makes(whole, tmp_path, capfd, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert call(tmp_path, "--jobs", "2") == 0
    same(tmp_path, whole)
    out, err = capfd.readouterr()
    assert err == ""
    lines = [line.split() for line in out.splitlines()]
    assert [line[0] for line in lines] == ["1/2", "2/2"]
    assert sorted(line[1] for line in lines) == ["adam", "sgd"]
    assert {tuple(line[2:4]) for line in lines} == {("test", "accuracy")}
    logs = {path.name: path.read_text() for path in (tmp_path / "logs").iterdir()}
    assert set(logs) == {"worker-1.log", "worker-2.log"}
    assert BACKEND == "tensorflow" or not any(logs.values())  # TensorFlow greets
    if BACKEND != "tensorflow":
        code = "import sys, keras_optim.compare.worker; print('tensorflow' in sys.modules)"
        assert "True" not in subprocess.check_output([sys.executable, "-c", code], text=True)


@one_backend
def test_killed_workers_change_nothing(whole, tmp_path, monkeypatch):
    """One in each contest, at a run of its own."""
    monkeypatch.chdir(ROOT)
    killed, ended = [], []
    moment = {"sgd": random.randint(1, 8), "adam": random.randint(1, 8)}

    class Mortal(children.Child):
        def __init__(self, module, env, log, hear):
            def heard(event):
                hear(event)
                if isinstance(event, dict) and "ended" in event:
                    _, optimizer = event["contest"]
                    ended.append(optimizer)
                    if optimizer not in killed and ended.count(optimizer) == moment[optimizer]:
                        killed.append(optimizer)
                        os.kill(self.id, signal.SIGKILL)

            super().__init__(module, env, log, heard)

    monkeypatch.setattr(workers, "Child", Mortal)
    assert call(tmp_path) == 0
    assert killed == OPTIMIZERS, moment
    same(tmp_path, whole)


def begun(folder, runs):
    """A command in a process, as soon as so many runs have ended."""
    process = subprocess.Popen(
        [sys.executable, "-m", "keras_optim.compare", *arguments(folder, "--backend", BACKEND)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    while len(list(folder.glob("runs/*.json"))) < runs:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.005)
    return process


@one_backend
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_the_same_command_continues(number, whole, tmp_path, inside, monkeypatch, capsys):
    process = begun(tmp_path, 4)
    if number == signal.SIGINT:
        monkeypatch.setattr(lock, "PATIENCE", 0.0)
        assert call(tmp_path) == 2
        assert f"{tmp_path} is in use by process {process.pid} on" in capsys.readouterr().err
        os.killpg(process.pid, number)  # as a terminal does
    else:
        process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    monkeypatch.setattr(lock, "PATIENCE", 2.0)
    interrupted = "compare: interrupted; the same command continues where it stopped.\n"
    assert errors == (interrupted if number == signal.SIGINT else "")
    assert process.returncode == (130 if number == signal.SIGINT else -9)
    (tmp_path / "runs" / ".torn.json.77").write_text("[")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/*.json")}
    assert 4 <= len(before) < 20
    assert call(tmp_path) == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before
    same(tmp_path, whole)


# ---- the rest in this process


@pytest.mark.usefixtures("inside")
def test_finished_runs_are_known_and_force_trains_them_again(tmp_path, capsys):
    def times():
        return {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/*")}

    options = ["--tune", "none", "--seeds", "1", "--epochs", "1"]
    assert call(tmp_path, *options) == 0
    assert "known" not in capsys.readouterr().out
    before = times()
    assert call(tmp_path, *options) == 0
    assert times() == before
    assert capsys.readouterr().out.count("1 run (1 known)") == 2
    assert call(tmp_path, *options, "--force") == 0
    assert times().keys() == before.keys() and not set(times().values()) & set(before.values())
    assert "known" not in capsys.readouterr().out


@one_backend
@pytest.mark.usefixtures("inside")
def test_variants_and_targets(tmp_path, capsys):
    options = ["--tune", "none", "--seed-list", "7", "5", "--batch-size", "1", "full", "1"]
    assert call(tmp_path, *options, "--epochs", "2", "--target", "val_accuracy", "0.5") == 0
    manifest = numbers(tmp_path)["manifest.json"]
    assert [s["name"] for s in manifest["subjects"]] == ["points-batch-1", "points-batch-full"]
    assert {(s["target"], s["epochs"]) for s in manifest["subjects"]} == {(0.5, 2)}
    assert len(manifest["runs"]) == 2 * 2 * 2 and manifest["setting"]["seeds"] == [7, 5]
    assert "4/4  points-batch-full adam  test accuracy" in capsys.readouterr().out


@one_backend
@pytest.mark.usefixtures("inside")
def test_a_smoke_test_is_small_and_has_its_own_folder(tmp_path):
    assert call(tmp_path, "--smoke", "--optimizers", *["sgd", "adam", "lion", "muon"]) == 0
    manifest = numbers(tmp_path / "smoke")["manifest.json"]
    assert len(manifest["optimizers"]) == 3
    assert [s["epochs"] for s in manifest["subjects"]] == [1]
    assert [path.name for path in tmp_path.iterdir()] == ["smoke"]


@one_backend
@pytest.mark.usefixtures("inside")
def test_a_dry_run_estimates_and_writes_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert call(tmp_path / "a", "--dry-run", "--tune", "none", "--jobs", "2") == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == "points: 2 optimizers, 0 tuning and 6 judging runs of 3 epochs"
    assert second.startswith("  about ") and "of sgd: " in second and "4 steps an epoch" in second
    assert list(tmp_path.iterdir()) == []


@one_backend
@pytest.mark.usefixtures("inside")
def test_a_failed_run_is_status_1_and_tried_again(tmp_path, capsys, monkeypatch):
    options = ["--tune", "none", "--seeds", "1", "--epochs", "1"]
    train = contest.train
    monkeypatch.setattr(contest, "train", lambda *_: 1 / 0)
    assert call(tmp_path, *options) == 1
    assert capsys.readouterr().out.count("failed: ZeroDivisionError: division by zero") == 2
    assert len(numbers(tmp_path)["manifest.json"]["failed"]) == 2
    monkeypatch.setattr(contest, "train", train)
    assert call(tmp_path, *options) == 0


# ---- errors: one line, status 2, nothing is trained

BROKEN = """
import keras_optim, numpy as np
def bad():
    raise RuntimeError("no luck")
def many():
    return [1, 2]
def workload():
    return keras_optim.Workload(bad, (np.ones((40, 3)), np.ones(40)), loss="mse")
def twice():
    return [workload(), workload()]
"""
RAISES = "import os\nos.no_such_thing\n"


@pytest.mark.parametrize(
    ("workload", "more", "expected"),
    [
        ("small", [], "'small' names no workload. Write package.module:workload"),
        ("no.module:x", [], "no module is called 'no', neither installed nor in"),
        ("tests.compare.modls:x", [], "no module is called 'tests.compare.modls'"),
        ("tests.compare.models:smal", [], "has no 'smal'; did you mean small"),
        ("missing.py:x", [], "there is no file"),
        ("raises.py:x", [], "raises.py raised AttributeError: module 'os' has no attribute 'no_s"),
        ("broken.py:bad", [], "broken.py:bad() raised RuntimeError: no luck ("),
        ("broken.py:many", [], "broken.py:many must be a keras_optim.Workload, or a function"),
        ("broken.py:twice", [], "broken.py:twice: 2 workloads are called 'model'"),
        ("broken.py:workload", [], "workload 'model' raised RuntimeError: no luck ("),
        (SMALL, ["--optimizers", "adma"], "No optimizer is called 'adma'. Did you mean"),
        (SMALL, ["--optimizers", "sgd[a"], "optimizer 'sgd[a'"),
        (SMALL, ["--optimizers", "sgd[beta=1]"], "beta"),
        (SMALL, ["--seeds", "0"], "--seeds: must be a whole number from 1 up"),
        (SMALL, ["--seed-list", "0", "1"], "`seeds` must differ from each other and from the tun"),
        (SMALL, ["--seed-list", "4294967296"], "--seed-list: must be a whole number from 0 to"),
        (SMALL, ["--seeds", "3", "--seed-list", "1"], "--seeds and --seed-list exclude each"),
        (SMALL, ["--tune", "much"], "--tune: must be none, grid or a number, not 'much'"),
        (SMALL, ["--tune", "0"], "--tune: must be a whole number from 1 up, not '0'"),
        (SMALL, ["--batch-size", "0"], "--batch-size: must be a whole number from 1 up"),
        (SMALL, ["--target", "val_accuracy", "high"], "--target val_accuracy: expected a number"),
        (SMALL, ["--target", "accuracy", "1"], "its name begins with val_"),
        (SMALL, ["--target", "val_f1", "1"], "no metric is called 'f1'; the metrics are loss, acc"),
        (SMALL, ["--force", "--storage", "sqlite://"], "--force cannot drop trials of --storage"),
        (SMALL, ["--folder", "a" * 300], "File name too long"),
        (SMALL, ["--folder", "broken.py"], "give another folder"),
        (SMALL, ["--folder", "~no_such_user/x"], "--folder ~no_such_user/x: Could not determine"),
        (SMALL, ["--wrong"], "unrecognized arguments: --wrong (all flags: --help)"),
        (SMALL, ["--device", "tpu"], "--device tpu: "),
    ],
)
@one_backend
def test_usage_errors(workload, more, expected, tmp_path, inside, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "broken.py").write_text(BROKEN)
    (tmp_path / "raises.py").write_text(RAISES)
    monkeypatch.setattr("traceback.print_exc", lambda: None)  # into the log of a worker
    assert call("results", *more, workload=workload) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert expected in err and err.startswith("compare: ") and err.count("\n") == 1
    assert len(err) < 500
    assert not list(tmp_path.rglob("results/runs/*"))
    for name in ("broken", "raises"):
        sys.modules.pop(name, None)


@one_backend
@pytest.mark.usefixtures("inside")
def test_a_disk_that_is_full_ends_the_command(tmp_path, capsys, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device", "/x/runs/1.json")

    monkeypatch.setattr(json_files, "write_json", full)
    monkeypatch.setattr("traceback.print_exc", lambda: None)
    assert call(tmp_path, "--tune", "none") == 2
    assert capsys.readouterr().err == "compare: /x/runs/1.json: No space left on device\n"


@one_backend
@pytest.mark.usefixtures("inside")
def test_git_is_not_needed(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert command._git_revision() is None
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert command._git_revision() is None


# ---- standard output that is closed, full, or not read


@one_backend
def test_no_redirection_makes_a_traceback(tmp_path):
    shell = '"$0" -m keras_optim.compare --help'
    cases = [(">/dev/full", 2), ("| head -1 >&2", 0)]
    running = [
        subprocess.Popen(
            ["bash", "-c", f"set -o pipefail; {shell} {redirection}", sys.executable],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
        )
        for redirection, _ in cases
    ]
    full = "compare: standard output could not be written (No space left on device)\n"
    usage = "usage: python -m keras_optim.compare [-h]\n"
    for process, (_, status), expected in zip(running, cases, [full, usage]):
        assert process.communicate()[1] == expected
        assert process.returncode == status
