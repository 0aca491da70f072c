"""Parts of the benchmark, in process: flags, editions, parts of the data."""

import importlib.util
import os

import pytest

from benchmarks import bench, command
from benchmarks.workloads import datasets
from benchmarks.workloads.catalog import ROWS
from keras_optim.compare import json_files
from keras_optim.compare.process import devices
from tests.conftest import one_backend

pytestmark = one_backend

# ---- what cannot be had: one line, exit status 2


@pytest.mark.parametrize(
    ("environment", "flags", "expected"),
    [(None, [], "first"), ("torch", [], "torch"), ("jax", ["--backend", "torch"], "torch")],
)
def test_the_backend(environment, flags, expected, tmp_path, monkeypatch):
    """Keras's own default would be TensorFlow, which is slower here."""
    monkeypatch.delenv("KERAS_BACKEND")
    if environment:
        monkeypatch.setenv("KERAS_BACKEND", environment)
    monkeypatch.setattr(devices, "installed_backends", lambda: ["first", "torch"])
    found = []
    monkeypatch.setattr(command, "carried_out", lambda *given, **more: found.append(given[1]) or 0)
    assert bench.main(["--graph-directory", str(tmp_path), *flags]) == 0
    assert found == [expected]


def test_the_program_prefers_jax(monkeypatch):
    for value, expected in (("torch", "torch"), (None, "jax")):
        monkeypatch.delenv("KERAS_BACKEND", raising=False)
        if value:
            monkeypatch.setenv("KERAS_BACKEND", value)
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
        bench._prefer_jax()
        assert os.environ["KERAS_BACKEND"] == expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--svhn"], "unrecognized arguments: --svhn (data sets: --digits --mnist --mnist-mlp"),
        (["--num-epochs", "0"], "--num-epochs: must be a whole number from 1 up, not '0'"),
        (["--num-train", "many"], "--num-train: must be a whole number from 1 up, not 'many'"),
        (["--batch-size", "-3"], "--batch-size: must be a whole number"),
        (["--seed", "1.5"], "--seed: must be a whole number from 0 up"),
        (["--backend", "mxnet"], "--backend: invalid choice: 'mxnet'"),
        (["--device", "npu"], "--device: invalid choice: 'npu'"),
        (["--optimizers"], "--optimizers: expected at least one argument"),
        (
            ["--optimizers", "sgd", "adma"],
            "No optimizer is called 'adma'. Did you mean",
        ),
        (["--optimizers", "sgd["], "optimizer 'sgd[': expected a name or a value at the end"),
        (["--tune", "often"], "--tune: must be none, grid or a number"),
        (["--graph-directory", "{file}/results"], "cannot write to"),
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


def test_the_list_of_workloads(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    splits = [{"name": name, "shardLengths": ["50"]} for name in ("train", "test")]
    json_files.write_json(tmp_path / "mnist" / "3.0.1" / "dataset_info.json", {"splits": splits})
    assert bench.main(["list", "--graph-directory", str(tmp_path / "none")]) == 0
    lines = capsys.readouterr().out.splitlines()
    [mnist] = [k for k, line in enumerate(lines) if line.startswith("--mnist ")]
    assert "batches of 32, target accuracy 0.97; 50 + 50 examples" in lines[mnist + 1]
    [cifar] = [k for k, line in enumerate(lines) if line.startswith("--cifar ")]
    assert "downloads from www.cs.toronto.edu" in lines[cifar + 1]
    assert sum("--" in line for line in lines) == len(ROWS)


def test_report_of_a_folder_that_is_not_there(tmp_path, capsys):
    assert bench.main(["report", str(tmp_path / "none")]) == 2
    assert capsys.readouterr().err.startswith("bench: there is no folder")


# ---- which data there is


def test_what_says_which_edition_is_meant(tmp_path):
    mnist = datasets.DATASETS["mnist"]
    results, records_folder = tmp_path / "results", tmp_path / "tfds" / "mnist" / "3.0.1"

    def found():
        return datasets.available(mnist, tmp_path / "tfds", results)

    assert found() is None
    for cached in (datasets.Edition("mnist", "3.0.1", n, 100) for n in (5_000, 40_000)):
        datasets.cache(results).mkdir(parents=True, exist_ok=True)
        (datasets.cache(results) / cached.file_name).touch()
    assert found() == cached
    splits = [
        {"name": "train", "shardLengths": ["50", "60"]},
        {"name": "test", "shardLengths": ["9"]},
    ]
    for version in ("2.9.0", "3.0.1"):
        folder = tmp_path / "tfds" / "mnist" / version
        json_files.write_json(folder / "dataset_info.json", {"splits": splits})
    assert found() == datasets.Edition("mnist", "3.0.1", 110, 9)
    known = datasets.available(mnist, tmp_path / "tfds", results, cached=True)
    assert known == cached
    assert datasets.records_folder(mnist, tmp_path / "tfds") == records_folder
