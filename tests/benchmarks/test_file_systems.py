"""File systems that are full, or hold names and files of others."""

import os

import pytest

from benchmarks import soak
from benchmarks.workloads import datasets
from keras_optim.compare import json_files
from keras_optim.compare.process.errors import UsageError
from tests.benchmarks.results_folder import DAMAGE
from tests.conftest import one_backend

pytestmark = one_backend


def test_names_of_cached_files_that_are_none_of_ours(tmp_path):
    datasets.cache(tmp_path).mkdir()
    for name in ("mnist-v1.npz", "mnist-3-x-9-v1.npz", "mnist-a-3.0.1-60-9-v1.npz", "mnist--6--v1"):
        (datasets.cache(tmp_path) / name).touch()
    (datasets.cache(tmp_path) / "mnist-3.0.1-060-9-v1.npz").touch()
    mnist = datasets.DATASETS["mnist"]
    assert datasets.available(mnist, tmp_path / "none", tmp_path) is None


@pytest.mark.parametrize("damage", [d for d in DAMAGE if d != "twice"])
def test_a_damaged_description_of_the_records(damage, tmp_path):
    path = tmp_path / "mnist" / "3.0.1" / "dataset_info.json"
    splits = [{"name": name, "shardLengths": ["50", "60"]} for name in ("train", "test")]
    json_files.write_json(path, {"splits": splits})
    mnist = datasets.DATASETS["mnist"]
    assert datasets.available(mnist, tmp_path, tmp_path).train == 110
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    with pytest.raises(UsageError, match=r"dataset_info.json is damaged; let tensorflow_datasets"):
        datasets.available(mnist, tmp_path, tmp_path)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_full_disk_is_told_by_the_name_of_the_file(tmp_path):
    (tmp_path / "metrics.jsonl").symlink_to("/dev/full")
    with pytest.raises(OSError, match=r"No space left on device: '.*metrics.jsonl'"):
        json_files.append_line(tmp_path / "metrics.jsonl", {"epoch": 0})


def test_notes_of_a_soak_that_are_damaged(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(soak, "FOLDER", tmp_path)
    assert soak.main(["--draw"]) == 2
    for damage in DAMAGE.values():
        (tmp_path / "jax.json").write_bytes(damage(b'{"steps": [1], "milliseconds": [1.0]}     '))
        assert soak.main(["--draw"]) == 2
        assert capsys.readouterr().err.strip().endswith(("watch this backend again", "--draw"))
