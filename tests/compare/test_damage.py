"""A results folder in which anything may lie: files are made again, or one line tells the error."""

import shutil

import pytest

from keras_optim.compare import command, workers
from keras_optim.compare.__main__ import main
from keras_optim.compare.process import children
from tests.benchmarks.results_folder import DAMAGE
from tests.compare.commands import Inside, call, numbers
from tests.conftest import one_backend

pytestmark = one_backend
OPTIONS = ["--tune", "none", "--seeds", "1", "--epochs", "1"]
WRITTEN = ("manifest.json", ".lock", "logs/worker-1.log")
FILES = ("runs/*.json", *WRITTEN)


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A finished comparison."""
    folder = tmp_path_factory.mktemp("sound")
    with pytest.MonkeyPatch.context() as patch:
        prepare(patch)
        assert call(folder, *OPTIONS) == 0
    return folder


def prepare(patch):
    patch.setattr(workers, "Child", Inside)
    patch.setattr(children, "tell", None)
    patch.setattr(command, "_write_report", lambda *_: None)
    patch.setattr(command, "_git_revision", lambda: None)
    patch.setattr("traceback.print_exc", lambda: None)  # into the log of a worker


@pytest.fixture
def damaged(sound, tmp_path, monkeypatch):
    """A copy of the comparison."""
    prepare(monkeypatch)
    return shutil.copytree(sound, tmp_path / "copy")


def place(folder, pattern):
    found = sorted(folder.glob(pattern))
    return found[0] if found else folder / pattern


def trained(folder, before):
    now = {path.name: path.stat().st_mtime_ns for path in folder.glob("runs/*.json")}
    return [name for name in now if now[name] != before.get(name)]


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("file", FILES)
def test_a_damaged_file_is_made_again(file, damage, damaged, capsys):
    expected = numbers(damaged)
    before = {path.name: path.stat().st_mtime_ns for path in damaged.glob("runs/*.json")}
    path = place(damaged, file)
    whole = path.read_bytes() or b"\n"
    path.write_bytes(DAMAGE[damage](whole))
    assert call(damaged, *OPTIONS) == 0
    assert capsys.readouterr().err == ""
    assert numbers(damaged) == expected
    if "runs" in file:
        assert trained(damaged, before) == [path.name]
    else:
        assert trained(damaged, before) == []


def test_a_run_of_another_name_does_not_count(damaged):
    expected = numbers(damaged)
    first, second = sorted(damaged.glob("runs/*.json"))
    first.write_bytes(second.read_bytes())
    assert call(damaged, *OPTIONS) == 0
    assert numbers(damaged) == expected


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_report_of_a_damaged_manifest_is_one_line(damage, damaged, capsys):
    path = damaged / "manifest.json"
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    assert main(["report", str(damaged)]) == 2
    errors = capsys.readouterr().err
    assert errors.startswith("compare: ") and errors.count("\n") == 1
    assert main(["report", str(damaged / "nowhere")]) == 2


@pytest.mark.parametrize("file", [*FILES, "runs", "logs"])
@pytest.mark.parametrize("kind", ["folder", "file"])
def test_a_folder_for_a_file_or_a_file_for_a_folder(file, kind, damaged, capsys):
    path = place(damaged, file)
    shutil.rmtree(path, ignore_errors=True)
    path.unlink(missing_ok=True)
    path.mkdir() if kind == "folder" else path.touch()
    status = call(damaged, *OPTIONS)
    errors = capsys.readouterr().err
    assert status in (0, 2)
    assert errors.count("\n") == (1 if status else 0)
