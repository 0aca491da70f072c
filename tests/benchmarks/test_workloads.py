"""Workloads: each builds, learns, and has the data and the size that its source says."""

import random

import keras
import numpy as np
import pytest

import keras_optim
from benchmarks.workloads import mnist1d, prepare_data
from benchmarks.workloads.catalog import ROWS
from benchmarks.workloads.datasets import BAG, VOCABULARY
from benchmarks.workloads.parts import Part, held_out
from tests.conftest import one_backend

MADE = [row for row in ROWS.values() if row.dataset is None]
FORMS = {
    "mnist": (28, 28, 1),
    "cifar10": (32, 32, 3),
}
"""The shapes of images."""
WEIGHTS = {
    "digits": 4_810,
    "mnist": 101_770,
    "mnist-mlp": 1_796_010,
    "mnist-cnn": 34_826,  # keras.io's page prints this number
    "mnist1d": 5_210,  # arXiv 2011.14439
    "mnist1d-mlp": 15_210,
    "cifar": 895_210,  # DeepOBS's 3c3d
    "imdb-bow": BAG + 1,
    "imdb-lstm": 2_757_761,  # keras.io's page
}


def examples(row, count=16):
    """Return the first examples of a workload, or random ones of its form."""
    if callable(row.data):
        train, _ = row.data()
        return train.take(slice(0, count))
    generator = np.random.default_rng(0)
    y = generator.integers(0, 2 if row.data.startswith("imdb") else 10, count).astype("int32")
    if row.data in FORMS:
        return Part(generator.random((count, *FORMS[row.data]), "float32"), y)
    if row.data == "imdb_bag":
        return Part(generator.integers(0, 2, (count, BAG)).astype("uint8"), y)
    return Part(generator.integers(0, VOCABULARY, (count, 200)).astype("int32"), y)


@pytest.mark.parametrize("name", ROWS)
def test_a_workload_learns(name):
    """The loss on the same few examples falls, with the metric that the row names."""
    row = ROWS[name]
    part = examples(row)
    keras.utils.set_random_seed(0)
    model = row.build()
    if name in WEIGHTS:
        assert model.count_params() == WEIGHTS[name]
    model.compile(keras_optim.Adam(0.001), **row.objective())
    logs = [model.train_on_batch(part.x, part.y, return_dict=True) for _ in range(4)]
    model.reset_metrics()
    after = model.test_on_batch(part.x, part.y, return_dict=True)
    # Statistics of batch normalisation lag behind, so a test may be worse than training.
    assert min(after["loss"], logs[-1]["loss"]) < logs[0]["loss"]
    assert row.target[0] in after


@one_backend
@pytest.mark.parametrize("row", MADE, ids=lambda row: row.name)
def test_data_that_is_made(row):
    """It is the same each time; no example of a part is in another, unless the source has twins."""
    (train, test), (again, _) = row.data(), row.data()
    np.testing.assert_array_equal(train.x, again.x)
    parts = held_out(train, test)
    counts = [len(p.y) for p in (parts.train, parts.validation, parts.test)]
    assert counts[1] == len(train.y) // 10 and sum(counts) == len(train.y) + len(test.y)
    assert [len(p.x) for p in (parts.train, parts.validation, parts.test)] == counts
    if row.name != "characters":  # the manual repeats itself
        sets = [{x.tobytes() for x in p.x} for p in (parts.train, parts.validation, parts.test)]
        assert not (sets[0] & sets[1] | sets[0] & sets[2] | sets[1] & sets[2])
    some = held_out(train, test, 50)
    np.testing.assert_array_equal(some.train.x, parts.train.x[:50])
    assert len(some.validation.y) == counts[1]
    assert train.x.dtype in (np.float32, np.int32) and train.y.dtype in (np.float32, np.int32)


@one_backend
def test_mnist1d_is_the_published_data():
    """Its size, scale and classes are the published ones; the generators of others stay."""
    random.seed(3)
    np.random.seed(3)
    expected = random.random(), np.random.random()
    random.seed(3)
    np.random.seed(3)
    train, test = mnist1d.data()
    assert (random.random(), np.random.random()) == expected
    assert train.x.shape == (4000, 40) and test.x.shape == (1000, 40)
    assert abs(float(np.concatenate([train.x, test.x]).std()) - 1) < 1e-6
    assert np.bincount(np.concatenate([train.y, test.y])).tolist() == [500] * 10


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow reads the records")
def test_bags_of_words():
    """A byte for each word that occurs; words that training does not have count as unknown."""
    train = np.array([b"good film", b"good, GOOD plot"], dtype=object)
    test = np.array([b"good boat"], dtype=object)
    first, second = prepare_data._bags(train, test)
    assert first.dtype == np.uint8
    assert first.sum(axis=1).tolist() == [2, 2]  # a word counts once
    assert second.sum() == 2 and second[0, 0] == 1  # "boat" is unknown
