"""The catalogue is the one list: names, README and files on disk agree with it."""

import pathlib

import pytest

import keras_optim
from keras_optim import catalog
from tests.conftest import one_backend
from tests.tools import refresh

pytestmark = one_backend

ROOT = pathlib.Path(__file__).parents[2]


@pytest.mark.parametrize("name", refresh.TEXTS)
def test_texts_that_follow_from_the_catalogue(name):
    """Where one differs: `python -m tests.tools.refresh` writes it."""
    text = (ROOT / name).read_text(encoding="utf-8")
    assert refresh.TEXTS[name](text) == text


def test_a_new_row_reaches_all_texts(monkeypatch):
    """A table or a block that the command does not find is an error, not a text left as it is."""

    class Novel(keras_optim.SGD):
        """An algorithm that no page knows."""

    row = catalog.Row(Novel, "momentum", 2030, "2030.00001", "New.")
    monkeypatch.setattr(catalog, "ALGORITHMS", (*catalog.ALGORITHMS, row))
    for name in ("README.md", "docs/guides/choosing.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        new = refresh.TEXTS[name](text)
        assert len([line for line in new.splitlines() if "Novel" in line]) == 1
        assert set(text.splitlines()) <= set(new.splitlines())
        with pytest.raises(ValueError, match="must be there once"):
            refresh.TEXTS[name]("")


def test_the_package_follows_the_imports_of_the_catalogue(tmp_path, monkeypatch):
    monkeypatch.setattr(refresh, "ROOT", tmp_path)
    (tmp_path / "keras_optim").mkdir()
    source = "from keras_optim.algorithms.new import New\nfrom keras_optim.arguments import x\n"
    (tmp_path / "keras_optim/catalog.py").write_text(source)
    old = "from keras_optim.algorithms.old import Old\nfrom keras_optim.a import f, g\n"
    assert refresh.package(f'"""Doc."""\n\n{old}\n__all__ = []\n') == (
        '"""Doc."""\n\nfrom keras_optim.a import f, g\n'
        "from keras_optim.algorithms.new import New\n\n"
        "# The imports of optimizers, and this list: `python -m tests.tools.refresh`.\n"
        '__all__ = [\n    "New",\n    "f",\n    "g",\n]\n'
    )


def test_one_file_and_one_reference_per_algorithm():
    for row in catalog.ALGORITHMS:
        assert row.algorithm.__module__ == f"keras_optim.algorithms.{row.name}"
        assert (ROOT / f"tests/references/{row.name}.py").exists()
        assert len((ROOT / f"keras_optim/algorithms/{row.name}.py").read_text().splitlines()) <= 180
    assert len(set(catalog.names())) == len(catalog.ALGORITHMS)
    for row in (*catalog.ALGORITHMS, *catalog.WRAPPERS):
        assert row.family and row.paper and 1950 < row.year < 2100 and row.idea.endswith(".")
