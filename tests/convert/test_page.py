"""The page of conversions: what it shows runs where its library is, and its table is the code's."""

import re
from pathlib import Path

import keras
import pytest

import keras_optim

PAGE = (Path(__file__).parents[2] / "docs" / "guides" / "continuing.md").read_text(encoding="utf-8")
# The blocks of every backend are fenced as `python` and run by the test of all pages.
BLOCKS = re.findall(r"^```py\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
BACKENDS = {"import torch": "torch", "import jax": "jax"}


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_a_block_for_one_backend_runs_there(block):
    (backend,) = (name for line, name in BACKENDS.items() if line in block)
    if backend != keras.backend.backend():
        pytest.skip(f"{backend} is there with its own backend only")
    exec(compile(block, "continuing.md", "exec"), {"__name__": "docs"})


def test_each_library_is_shown():
    assert len(BLOCKS) == 2


def test_the_table_is_that_of_the_code():
    """`python -c "import keras_optim; print(keras_optim.convert.table())"` prints it."""
    assert keras_optim.convert.table() in PAGE


def test_the_libraries_are_imported_when_asked_only():
    source = Path(keras_optim.convert.__file__).parent.glob("*.py")
    for file in source:
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"^(import|from) (torch|optax|jax)\b", text, re.MULTILINE), file
