"""A run saved on any backend, by this version or an older one, goes on here as it would there."""

import json
import zipfile

import keras
import numpy as np
import pytest
from packaging.version import Version

from keras_optim.state import files
from tests.conftest import one_backend
from tests.support.catalog_cases import make
from tests.tools.portability import BACKENDS, MODELS, cases, continued, fit, folders, read

TOLERANCE = 1e-6
FILES = [(folder, backend) for folder in folders() for backend in BACKENDS]
RECORDS = {(folder.name, backend): read(folder, backend) for folder, backend in FILES}
RUNS = [
    pytest.param(record, id=f"{folder}-{backend}-{label}")
    for (folder, backend), records in RECORDS.items()
    for label, record in records.items()
    if "path" in record
]


@pytest.mark.parametrize("record", RUNS)
def test_a_run_of_any_backend_goes_on(record):
    path = continued(record)
    assert np.max(np.abs(path - record["path"][1:])) <= TOLERANCE


@one_backend
@pytest.mark.parametrize("label", cases())
def test_without_the_state_it_would_not(label):
    """What is compared above would show a lost slot or a lost count."""
    name, case = cases()[label]
    record = RECORDS[f"format-{files.FORMAT}", keras.backend.backend()][label]
    lost = np.max(np.abs(continued(record, with_state=False) - record["path"][1:]))
    optimizer = make(name, **case)
    optimizer.build([keras.Variable(np.ones((2, 2), "float32"))])
    kept = bool(optimizer.state.slots[0] or optimizer.state.shared)
    assert (lost > 100 * TOLERANCE) == kept


def version_of(file):
    """The version of Keras that wrote a model."""
    with zipfile.ZipFile(file) as archive:
        return json.loads(archive.read("metadata.json"))["keras_version"]


@pytest.mark.parametrize("label", MODELS)
@pytest.mark.parametrize(("folder", "backend"), FILES)
def test_a_model_of_any_backend_goes_on(folder, backend, label):
    file = folder / f"{backend}-{label}.keras"
    if Version(version_of(file)) > Version(keras.__version__):
        pytest.skip("Keras reads no layers of a newer version")
    model = keras.models.load_model(file)
    if keras.backend.backend() == "torch":
        # JAX's "auto" is saved as True, which on PyTorch asks for a C++ compiler.
        model.jit_compile = False
    expected = RECORDS[folder.name, backend][f"model-{label}"]["weights"]
    before = np.concatenate([w.ravel() for w in model.get_weights()])
    assert np.max(np.abs(fit(model) - expected)) <= TOLERANCE
    assert np.max(np.abs(before - expected)) > 1e-3


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_optimizer_is_in_the_files(backend):
    """Where one is missing: `python -m tests.tools.refresh` with this KERAS_BACKEND adds it."""
    expected = {*cases(), *(f"model-{label}" for label in MODELS)}
    assert set(RECORDS[f"format-{files.FORMAT}", backend]) == expected


def test_the_files_are_small():
    for folder in folders():
        assert sum(file.stat().st_size for file in folder.iterdir()) < 600_000
