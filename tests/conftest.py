"""One backend for the whole run, from the environment; the other two cannot be imported."""

import importlib.machinery
import os
import sys

collect_ignore = ["installed.py"]  # a script, for `tox -e package`
BACKEND = os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from tests.support.xla import compile_quickly  # noqa: E402

compile_quickly(BACKEND)


class OtherBackends:
    """Makes a stray import of another backend fail, as it would where that is not installed."""

    names = {"jax", "tensorflow", "torch"} - {BACKEND}

    def find_spec(self, name, path=None, target=None):
        return importlib.machinery.ModuleSpec(name, self) if name in self.names else None

    def create_module(self, spec):
        raise ModuleNotFoundError(f"{spec.name} is another backend than {BACKEND}", name=spec.name)

    def exec_module(self, module):
        """Never reached."""


sys.meta_path.insert(0, OtherBackends())

import keras  # noqa: E402
import pytest  # noqa: E402
from packaging.version import Version  # noqa: E402

one_backend = pytest.mark.skipif(
    BACKEND != "torch", reason="does not depend on the backend, so it runs on the fastest, PyTorch"
)
"""Marks a test, or as `pytestmark` a file, that three backends would run three times in vain."""


def since_keras(version, has):
    """Marks a test of what Keras has from a version on; `pyproject.toml` allows older ones."""
    older = Version(keras.__version__) < Version(version)
    return pytest.mark.skipif(older, reason=f"Keras {version} has {has}")


def pytest_collection_modifyitems(items):
    """Mark what `pytest -m quick` runs."""
    from tests.support.quick import quick

    for item in quick(items):
        item.add_marker("quick")


@pytest.fixture(autouse=True)
def seed():
    keras.utils.set_random_seed(0)


@pytest.fixture(autouse=True)
def threads():
    """The number of threads is as before after each test."""
    if BACKEND != "torch":
        yield
        return
    import torch

    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def no_setting(monkeypatch):
    """Whoever runs the tests may have chosen how PyTorch steps."""
    monkeypatch.delenv("KERAS_OPTIM_TORCH", raising=False)


@pytest.fixture
def builds(tmp_path, monkeypatch):
    """How often a compiler ran since the test began, with an empty cache; of PyTorch."""
    from keras_optim.codegen import building

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    building.forget()
    start = building.builds
    yield lambda: building.builds - start
    building.forget()


@pytest.fixture
def float64():
    """Double precision throughout."""
    from tests.support.precision import double_precision

    with double_precision():
        yield
