"""The blocks of code in the pages run, those of one page one after the other."""

import re

import keras
import numpy as np
import pytest

import keras_optim
from tests.conftest import BACKEND, one_backend
from tests.docs import pages

# Lists of optimizers, wrappers and options, each of which has tests of its own on each backend.
LISTS = ("averaging.md", "choosing.md", "finding-a-rate.md", "weight-decay.md", "wrappers.md")


@pytest.mark.parametrize(
    "page",
    [pytest.param(page, marks=one_backend if page.name in LISTS else ()) for page in pages.PAGES],
    ids=pages.name,
)
def test_the_blocks_of_a_page_run_one_after_the_other(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "docs"}
    for backend, code in pages.blocks(pages.text(page)):
        if backend in ("", BACKEND):
            exec(compile(code, page.name, "exec"), names)
            train_what_is_there(names)


def train_what_is_there(names):
    """Take a step with what a block made, so that a pattern that matches nothing shows."""
    for model in names.values():
        trainable = isinstance(model, keras.Model) and model.built and model.compiled
        if trainable and not model.optimizer.built:
            inputs = np.zeros((4, *model.input_shape[1:]))
            model.fit(inputs, model.predict(inputs, verbose=0), verbose=0)
    for optimizer in names.values():
        ours = isinstance(optimizer, keras_optim.Optimizer) and optimizer._looks_at_paths()
        if ours and not optimizer.built and not optimizer._wrapped_by:
            optimizer.build(model_of_many_layers().trainable_variables)


def model_of_many_layers():
    """For optimizers that stand alone in a block: layers of the names that the pages speak of."""
    layers = [
        keras.layers.Embedding(5, 3, name="embedding"),
        keras.layers.Dense(3, name="encoder"),
        keras.layers.BatchNormalization(),
        keras.layers.Dense(1, name="head"),
    ]
    return keras.Sequential([keras.Input((2,)), *layers])


@one_backend
def test_a_block_of_one_backend_says_so():
    assert pages.blocks("<!-- on jax -->\n```python\na\n```\n```python\nb\n```\n") == [
        ("jax", "a\n"),
        ("", "b\n"),
    ]
    for wrong in ("<!-- on paper -->\n```python\na\n```\n", "<!-- on jax -->\n\n```python\n```\n"):
        with pytest.raises(AssertionError):
            pages.blocks(wrong)


@pytest.mark.parametrize("page", pages.PAGES, ids=pages.name)
@one_backend
def test_every_block_of_python_is_run_somewhere(page):
    """`py` is the fence of blocks that another file of tests runs; there is no third one."""
    fences = set(re.findall(r"^ *```(\w+)", pages.text(page), re.MULTILINE))
    assert fences <= {"python", "console", "text", "bibtex", "py"}
    if "py" in fences:
        test = pages.ROOT / pages.ELSEWHERE[page.name]
        assert page.name in test.read_text(encoding="utf-8")
