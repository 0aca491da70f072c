"""Every optimizer of the libraries that users come from has a row: a class here, or the reason.

The names are those of the installed libraries. Each is there with its own backend only.
"""

import inspect
import re
from pathlib import Path

import keras
import pytest

from tests.conftest import BACKEND

PAGE = (Path(__file__).parents[2] / "docs" / "guides" / "coming-from.md").read_text(
    encoding="utf-8"
)
PARTS = "scale_by_"
"""How optax begins the names of parts of its optimizers."""


def rows(section):
    """The rows of the tables of a section: their cells, by each name in code in the first."""
    text = PAGE.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    assert text, section
    cells = [line.strip("| ").split(" | ") for line in text.splitlines() if line[:3] == "| `"]
    cells = [row for row in cells if not row[1].startswith("ours")]  # the heads
    return {name: row for row in cells for name in re.findall(r"\w+", row[0])}


def classes(module, parent):
    """The optimizers of a module of classes."""
    return {
        name
        for name, value in vars(module).items()
        if inspect.isclass(value) and issubclass(value, parent) and value is not parent
    }


def installed():
    """The names of each library that this backend has, by the section of the page."""
    names = {"Keras's built-in optimizers": classes(keras.optimizers, keras.optimizers.Optimizer)}
    if BACKEND == "torch":
        import torch

        names["torch.optim"] = classes(torch.optim, torch.optim.Optimizer)
    if BACKEND == "jax":
        optax = pytest.importorskip("optax")
        functions = {
            name
            for module in (optax, optax.contrib)
            for name, value in vars(module).items()
            if inspect.isfunction(value) and not name.startswith(("_", PARTS))
            if module is optax.contrib or value.__module__ == "optax._src.alias"
        }
        names["optax"] = functions
    return names


def test_every_optimizer_of_the_installed_libraries_has_a_row():
    for section, names in installed().items():
        assert len(names) > 10
        assert not names - set(rows(section)), section


@pytest.mark.parametrize(
    "section", ["Keras's built-in optimizers", "TensorFlow Addons", "torch.optim", "optax"]
)
def test_a_row_without_a_class_has_a_reason(section):
    for name, (_, ours, *why) in rows(section).items():
        if ours == "no":
            assert len("".join(why)) > 20, name
        else:
            assert re.search(r"`keras(_optim)?\.\w+", ours), name
