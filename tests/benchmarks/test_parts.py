"""Parts of the benchmark, in process: flags, spelling of optimizers, editions, places of labels."""

import numpy as np
import pytest

import keras_optim
from benchmarks import bench
from benchmarks.comparison import probe
from benchmarks.report.axes_style import spread
from benchmarks.workloads import datasets, prepare_data
from keras_optim.compare import json_files
from keras_optim.compare.contenders.optimizer_spec import parse_specs
from keras_optim.compare.process.errors import UsageError
from tests.conftest import BACKEND, one_backend

pytestmark = one_backend

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
    request = probe.ProbeRequest(BACKEND, "cpu", ["sgd", label])
    with pytest.raises(UsageError) as caught:
        probe.probe(request)
    assert str(caught.value).startswith(f"optimizer {label}: ")
    assert expected in str(caught.value)


def test_a_device_that_is_not_there():
    with pytest.raises(UsageError, match=r"--device tpu: .* finds no TPU.*; found: .*(cpu|CPU)"):
        probe.probe(probe.ProbeRequest(BACKEND, "tpu", ["sgd"]))


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


def test_all_stands_for_the_catalog():
    request = probe.ProbeRequest(BACKEND, "cpu", ["adam[epsilon=0.1]", "all"])
    labels = list(probe.probe(request).optimizers)
    assert labels == ["adam[epsilon=0.1]", *keras_optim.names(), "lookahead[inner=adam]"]


# ---- which data there is


def test_what_says_which_edition_is_meant(tmp_path):
    mnist = datasets.DATASETS["mnist"]
    results, records_folder = tmp_path / "results", tmp_path / "tfds" / "mnist" / "3.0.1"

    def found():
        return datasets.edition_at_hand(mnist, tmp_path / "tfds", results)

    assert found() is None
    trained = datasets.Edition("mnist", "3.0.1", 600, 100)
    json_files.write_json(results / "runs" / "0" / "spec.json", {"data": vars(trained)})
    assert found() == trained
    for cached in (datasets.Edition("mnist", "3.0.1", n, 100) for n in (5_000, 40_000)):
        datasets.cache(results).mkdir(exist_ok=True)
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
    assert datasets.records_folder(mnist, tmp_path / "tfds") == records_folder


def test_parts_are_fixed_and_do_not_overlap(tmp_path):
    request = {"datasets": ["digits"], "data_dir": None, "cache": str(datasets.cache(tmp_path))}
    edition = datasets.Edition(**prepare_data.load(request)["digits"])
    assert edition == datasets.edition_at_hand(datasets.DATASETS["digits"], None, tmp_path)
    whole, some = datasets.read(edition, tmp_path), datasets.read(edition, tmp_path, 100)
    assert [len(p.y) for p in (whole.train, whole.validation, whole.test)] == [1294, 143, 360]
    assert len(some.train.y) == 100 and len(some.validation.y) == 143
    np.testing.assert_array_equal(some.train.x, whole.train.x[:100])
    assert whole.train.x.dtype == np.float32 and whole.train.x.max() == 1.0
    parts = [{x.tobytes() for x in p.x} for p in (whole.train, whole.validation, whole.test)]
    assert not (parts[0] & parts[1] | parts[0] & parts[2] | parts[1] & parts[2])
    assert [len(p.y) for p in vars(whole.divisible(8)).values()] == [1288, 136, 360]


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
