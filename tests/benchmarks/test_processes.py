"""Who may write into a results folder, and how the benchmark's processes end."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import bench
from keras_optim.compare.contenders import optimizer_spec
from keras_optim.compare.process import endings, lock
from keras_optim.compare.process.errors import UsageError
from keras_optim.compare.process.flags import shortened
from tests.conftest import BACKEND, one_backend

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
pytestmark = one_backend


# ---- one command at a time


def test_a_second_command_ends_before_it_writes(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(lock, "PATIENCE", 0.0)
    asked = ["--graph-directory", str(tmp_path), "--backend", BACKEND]
    with lock.held(tmp_path):
        assert bench.main(asked) == 2
        assert sorted(path.name for path in tmp_path.iterdir()) == [lock.NAME, "runs"]
    expected = rf"bench: {tmp_path} is in use by process {os.getpid()} on \S+: wait until .*\n"
    assert re.fullmatch(expected, capsys.readouterr().err)
    with lock.held(tmp_path):  # it was given back
        pass


def test_the_lock_survives_what_lies_in_its_file(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "PATIENCE", 0.0)
    (tmp_path / lock.NAME).write_bytes(b"\xff" * 5000)
    with lock.held(tmp_path):
        (tmp_path / lock.NAME).write_bytes(b"\xff" * 5000)
        with pytest.raises(UsageError, match="is in use by another process: wait"):
            lock.held(tmp_path).__enter__()


def test_without_locks_a_line_says_so(tmp_path, monkeypatch, capsys):
    def flock(*_):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(lock.fcntl, "flock", flock)
    with lock.held(tmp_path):
        assert "cannot be locked (Function not implemented)" in capsys.readouterr().err


# ---- standard output that is closed, full, or not read

SHELL = '"$0" -m benchmarks.bench --help'


@pytest.mark.parametrize(
    ("redirection", "status"),
    [(">/dev/full", 2), (">&- 2>&- <&-", 0), ("| head -1", 0)],
)
def test_no_redirection_makes_a_traceback(redirection, status):
    command = f"set -o pipefail; {SHELL} {redirection}"
    done = subprocess.run(
        ["bash", "-c", command, sys.executable], env=ENVIRONMENT, capture_output=True, text=True
    )
    assert done.returncode == status
    full = "bench: standard output could not be written (No space left on device)\n"
    assert done.stderr == (full if status else "")


def test_output_that_nobody_reads_is_lost_and_no_more():
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w", encoding="ascii") as stream:
        output = endings.Output(stream)
        for text in ("a\n", "\u00fc\udcff\n" * 9000):
            assert output.write(text) == len(text)
            output.flush()
        assert isinstance(output.error, BrokenPipeError)
        assert output.encoding == "ascii" and not output.isatty()


# ---- exit statuses


def raises(error):
    raise error


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (UsageError("a\n b"), 2, "a b"),
        (KeyboardInterrupt(), 130, "interrupted."),
        (OSError(28, "No space left on device"), 2, "No space left on device"),
        (PermissionError(13, "Permission denied", "/a/b"), 2, "/a/b: Permission denied"),
        (ModuleNotFoundError("No module named 'x'"), 2, "No module named 'x'; pip install"),
        (MemoryError(), 2, "not enough memory (MemoryError)"),
    ],
)
def test_what_ends_in_one_line(error, status, line, capsys):
    assert endings.ended("name", lambda: raises(error)) == status
    errors = capsys.readouterr().err
    assert errors.startswith(f"name: {line}") and errors.count("\n") == 1


def test_a_mistake_of_ours_keeps_its_traceback():
    with pytest.raises(KeyError):
        endings.ended("name", lambda: raises(KeyError()))


def test_an_interruption_is_status_130_even_within_exec(tmp_path):
    code = "from keras_optim.compare.process import endings\n"
    code += "command = lambda: exec('raise KeyboardInterrupt')\n"
    code += "endings.program('name', lambda: endings.ended('name', command))\n"
    (tmp_path / "interrupted.py").write_text(code)
    command = [sys.executable, "-m", "interrupted"]
    done = subprocess.run(
        command, env=ENVIRONMENT, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "name: interrupted.\n")


# ---- numbers and brackets out of all range


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--seed", "4294967296"], "--seed: must be a whole number from 0 to 4294967295, not '42"),
        (["--seed", "-1"], "--seed: must be a whole number from 0 up, not '-1'"),
        (["--seed", "9" * 5000], "..."),
        (["--num-train", "0"], "--num-train: must be a whole number from 1 up"),
        (["--num-train", "-5"], "--num-train: must be a whole number from 1 up"),
        (["--num-epochs", "9" * 30], "--num-epochs: must be a whole number from 1 to 2147483647"),
        (["--batch-size", "9" * 30], "--batch-size: must be a whole number from 1 to 2147483647"),
        (
            ["--data-dir", __file__],
            f"--data-dir {__file__}: cannot be read (Not a directory)",
        ),
        (
            ["--data-dir", "~no_such_user/there"],
            "--data-dir ~no_such_user/there: cannot be read (Could not",
        ),
        (["--data-dir", "a" * 300], "File name too long"),
        (["--graph-directory", "a" * 300], "File name too long"),
        (["--graph-directory", __file__], "give another folder"),
    ],
)
def test_flags_out_of_range(arguments, expected, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert bench.main(arguments) == 2
    errors = capsys.readouterr().err
    assert expected in errors and errors.count("\n") == 1 and len(errors) < 700


def nested(depth):
    return "lookahead[inner=" * depth + "adam" + "]" * depth


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (nested(1500), "brackets are nested more than 20 deep"),
        (nested(21), "brackets are nested more than 20 deep"),
        (f"aggmo[betas={'(' * 1500}0{')' * 1500}]", "brackets are nested more than 20 deep"),
        ("adam[learning_rate=1e999]", "1e999 is beyond 3.4e+38, the largest number"),
        ("adam[learning_rate=-1e39]", "-1e39 is beyond 3.4e+38, the largest number"),
        (f"adam[learning_rate={'9' * 400}.0]", "... is beyond 3.4e+38, the largest number"),
        ("lookahead[inner=adam,sync_period=2147483648]", "2147483648 is beyond 2147483647"),
        (f"lookahead[inner=adam,sync_period={'9' * 5000}]", "... is beyond 2147483647"),
        (f"adam[{'a' * 5000}", "expected '=' at the end"),
        ("[" * 5000, "expected a name instead of '['"),
        ("a" * 5000 + "=", "expected a comma or the end"),
    ],
)
def test_optimizers_out_of_range(text, expected):
    with pytest.raises(UsageError) as caught:
        optimizer_spec.parse_specs(text)
    assert expected in str(caught.value) and len(str(caught.value)) < 400
    assert shortened(text) in str(caught.value)


def test_what_is_just_in_range():
    for text in (nested(20), "lookahead[inner=adam,sync_period=2147483647]", "sgd[x=3.4e+38]"):
        assert [str(spec) for spec in optimizer_spec.parse_specs(text)] == [text]
