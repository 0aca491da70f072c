"""File systems that are full, or hold names and files of others; no git."""

import errno
import os

import pytest

from benchmarks import soak
from benchmarks.comparison import comparison
from benchmarks.report import figures
from benchmarks.workloads import datasets
from keras_optim.compare import json_files
from keras_optim.compare.process.errors import UsageError
from tests.benchmarks.results_folder import DAMAGE, OPTIMIZERS
from tests.conftest import one_backend

pytestmark = one_backend


def test_names_of_figures_fit_into_a_file_system(tmp_path):
    labels = [f"aggmo[betas=({','.join(['0.5'] * 90)},{last})]" for last in (0.25, 0.75)]
    names = [figures.file_name(label, "_digits.png") for label in labels]
    assert len(set(names)) == 2 and {len(name) for name in names} == {255}
    for name in names:
        (tmp_path / name).touch()
    longest = figures.file_name("a" * 244, "_digits.png")
    assert longest == f"{'a' * 244}_digits.png"
    assert figures.file_name("sgd[momentum=0.9]", "_imdb.png") == "sgd-momentum=0.9_imdb.png"


def test_names_of_cached_files_that_are_none_of_ours(tmp_path):
    datasets.cache(tmp_path).mkdir()
    for name in ("mnist-v1.npz", "mnist-3-x-9-v1.npz", "mnist-a-3.0.1-60-9-v1.npz", "mnist--6--v1"):
        (datasets.cache(tmp_path) / name).touch()
    (datasets.cache(tmp_path) / "mnist-3.0.1-060-9-v1.npz").touch()
    mnist = datasets.DATASETS["mnist"]
    assert datasets.edition_at_hand(mnist, tmp_path / "none", tmp_path) is None


@pytest.mark.parametrize("damage", [d for d in DAMAGE if d != "twice"])
def test_a_damaged_description_of_the_records(damage, tmp_path):
    path = tmp_path / "mnist" / "3.0.1" / "dataset_info.json"
    splits = [{"name": name, "shardLengths": ["50", "60"]} for name in ("train", "test")]
    json_files.write_json(path, {"splits": splits})
    mnist = datasets.DATASETS["mnist"]
    assert datasets.edition_at_hand(mnist, tmp_path, tmp_path).train == 110
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    with pytest.raises(UsageError, match=r"dataset_info.json is damaged; let tensorflow_datasets"):
        datasets.edition_at_hand(mnist, tmp_path, tmp_path)


def full(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("function", ["replace", "fsync"])
def test_a_full_disk_is_one_line(function, damaged, monkeypatch):
    command, _ = damaged
    with monkeypatch.context() as patch:
        patch.setattr(os, function, full)
        status, _, _, trained = command("--force")
    assert status == 2
    assert command.errors.startswith("bench: ") and command.errors.count("\n") == 1
    assert command.errors.endswith("No space left on device\n")
    assert trained == ([] if function == "replace" else OPTIMIZERS[:1])
    assert not list(command.folder.rglob(".*.json.*"))


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_full_disk_is_told_by_the_name_of_the_file(tmp_path):
    (tmp_path / "metrics.jsonl").symlink_to("/dev/full")
    with pytest.raises(OSError, match=r"No space left on device: '.*metrics.jsonl'"):
        json_files.append_line(tmp_path / "metrics.jsonl", {"epoch": 0})


def test_git_is_not_needed(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert comparison._git_revision() is None


def test_notes_of_a_soak_that_are_damaged(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(soak, "FOLDER", tmp_path)
    assert soak.main(["--draw"]) == 2
    for damage in DAMAGE.values():
        (tmp_path / "jax.json").write_bytes(damage(b'{"steps": [1], "milliseconds": [1.0]}     '))
        assert soak.main(["--draw"]) == 2
        assert capsys.readouterr().err.strip().endswith(("watch this backend again", "--draw"))
