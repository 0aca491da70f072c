"""The catalogue is the one list: names, README and files on disk agree with it."""

import pathlib

from keras_optim import catalog
from tests.conftest import one_backend

pytestmark = one_backend

ROOT = pathlib.Path(__file__).parents[2]


def test_the_readme_has_the_table():
    assert catalog.table() in (ROOT / "README.md").read_text()


def test_one_file_and_one_reference_per_algorithm():
    for row in catalog.ALGORITHMS:
        assert row.algorithm.__module__ == f"keras_optim.algorithms.{row.name}"
        assert (ROOT / f"tests/references/{row.name}.py").exists()
        assert len((ROOT / f"keras_optim/algorithms/{row.name}.py").read_text().splitlines()) <= 130
    assert len(set(catalog.names())) == len(catalog.ALGORITHMS)
    for row in (*catalog.ALGORITHMS, *catalog.WRAPPERS):
        assert row.family and row.paper and 1950 < row.year < 2100 and row.idea.endswith(".")
