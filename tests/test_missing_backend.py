"""A backend that is not installed: the error says what to do."""

import os
import subprocess
import sys
from importlib.machinery import PathFinder

import keras
import pytest

HIDDEN = "import sys; sys.modules[{name!r}] = None; import keras_optim"


def test_the_error_names_the_backend_and_the_remedies():
    name = keras.backend.backend()
    ended = subprocess.run(
        [sys.executable, "-c", HIDDEN.format(name=name)], capture_output=True, text=True
    )
    last = ended.stderr.rstrip().splitlines()[-1]
    assert last.startswith(
        f"ModuleNotFoundError: Keras takes the backend {name}, which is not inst"
    )
    assert last.endswith(f"pip install {name}") and ended.stderr.count("Traceback") == 1
    for other in {"jax", "tensorflow", "torch"} - {name}:
        installed = PathFinder.find_spec(other) is not None  # conftest.py hides the others here
        assert (other in last.partition("KERAS_BACKEND to")[2]) == installed


@pytest.mark.parametrize("name", ["rich", "keras_optim.schedules"])
def test_other_missing_modules_keep_their_error(name):
    ended = subprocess.run(
        [sys.executable, "-c", HIDDEN.format(name=name)],
        capture_output=True,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert ended.returncode != 0
    assert ended.stderr.rstrip().splitlines()[-1].startswith("ModuleNotFoundError: ")
    assert name in ended.stderr and "takes the backend" not in ended.stderr
