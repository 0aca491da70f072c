"""The journal: damage of every kind, and locks that end with their process."""

import os
import random
import subprocess
import sys
import time

import pytest

from keras_optim.compare.search.journal import FileLock
from tests.compare.search.test_trials import lines, results
from tests.compare.search.worker import search_in, work
from tests.conftest import one_backend

pytestmark = one_backend
BUDGET = 7


@pytest.fixture
def searched(tmp_path):
    """A folder with a finished search, and its results."""
    search = search_in(tmp_path, "-", BUDGET)
    work(tmp_path, search)
    return tmp_path, results(search)


def damages():
    generator = random.Random(0)
    yield "torn", lambda data: data[: len(data) * 2 // 3]
    yield "last", lambda data: data[:-1]
    yield "half written", lambda data: data + b'{"op_code": 4, "work'
    yield "garbage after", lambda data: data + generator.randbytes(300)
    yield "zeros", lambda data: data[: len(data) // 2] + bytes(4096) + data[len(data) // 2 :]
    yield "line", lambda data: data.replace(b"\n", b"\nnonsense\n", 1)
    yield "first line", lambda data: b"nonsense\n" + data
    yield "list", lambda data: data + b"[]\n"
    yield "no such code", lambda data: data + b'{"op_code": 77, "worker_id": "a"}\n'
    yield "no such trial", lambda data: data + b'{"op_code": 6, "worker_id": "a"}\n'
    yield "all", lambda data: generator.randbytes(len(data))
    yield "text", lambda data: b"\xff\xfe\n" * 100
    yield "one line lost", lambda data: data.partition(b"\n")[2]


@pytest.mark.parametrize(("name", "damage"), list(damages()))
def test_a_damaged_journal(searched, capfd, name, damage):
    folder, expected = searched
    path = folder / "tuning" / "journal.log"
    path.write_bytes(damaged := damage(path.read_bytes()))
    before = len(lines(folder))
    again = search_in(folder, "-", BUDGET)
    work(folder, again)
    assert results(again) == expected
    assert len(lines(folder)) == before  # no run was trained again
    text = capfd.readouterr().err
    asides = list(path.parent.glob("journal.log.damaged-*"))
    if name != "one line lost":  # the study itself; what follows means nothing to Optuna
        assert text.count("\n") == 1 and "was damaged" in text and asides[0].name in text
        assert [p.read_bytes() for p in asides] == [damaged]
    if name in ("torn", "last", "half written", "garbage after", "zeros"):
        first = damaged[: len(damaged) // 3].rpartition(b"\n")[0]
        assert path.read_bytes().startswith(first)  # the lines before the damage are kept
    work(folder, search_in(folder, "-", BUDGET))
    assert capfd.readouterr().err == ""


def test_damage_while_it_is_open(searched, capfd):
    folder, expected = searched
    path = folder / "tuning" / "journal.log"
    search = search_in(folder, "-", BUDGET + 2)
    [candidate] = search.next(1)
    with path.open("ab") as file:
        file.write(b'{"op_code"')  # a torn line, to which Optuna would add its next
    search.tell(candidate, (0.0, 0.0))
    assert search.tried == BUDGET + 1 and search.best == candidate
    assert "was damaged" in capfd.readouterr().err
    path.unlink()
    work(folder, search)
    assert search.done and results(search)[:BUDGET] == expected


def test_a_killed_holder_of_the_lock_blocks_nobody(tmp_path):
    path = tmp_path / "lock"
    text = f"import fcntl, time; f = open({str(path)!r}, 'a'); fcntl.flock(f, fcntl.LOCK_EX)"
    command = [sys.executable, "-c", f"{text}; print('held', flush=True); time.sleep(60)"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "held\n"
        child.kill()
        start = time.monotonic()
        with FileLock(path).held():
            assert time.monotonic() - start < 5


def test_a_lock_may_be_taken_twice(tmp_path):
    lock = FileLock(tmp_path / "lock")
    with lock.held(), lock.held():
        pass
    with FileLock(tmp_path / "lock").held():
        pass


def test_a_file_system_without_locks(tmp_path, monkeypatch):
    import fcntl

    def refused(*_):
        raise OSError("no locks available")

    monkeypatch.setattr(fcntl, "flock", refused)
    search = search_in(tmp_path, "-", 3)
    work(tmp_path, search)
    assert search.done
    assert not [name for name in os.listdir(tmp_path / "tuning") if name.endswith("lock.lock")]
