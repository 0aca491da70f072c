"""Damaged, foreign and hostile files: a clear error, nothing changed, nothing executed."""

import json
import pickle
import zipfile

import keras
import numpy as np
import pytest

import keras_optim
from keras_optim.state.files import FORMAT
from tests.algorithms.test_every import small_data, small_model
from tests.support.trajectories import gradients, numbers, starts, tensor, variables

VALUES, STEPS = starts(), gradients(steps=2)
LARGEST = 2**63 - 1 if keras.backend.backend() == "tensorflow" else 2**31 - 1


def trained(optimizer):
    xs = variables(VALUES)
    for gs in STEPS:
        optimizer.apply([tensor(g) for g in gs], xs)
    return optimizer


def store_of(optimizer):
    store = {}
    optimizer.save_own_variables(store)
    return store


def state(optimizer):
    return [value.tolist() for value in numbers(optimizer.variables)]


# ---- the state as a mapping: what is changed in it, and what is said

FORMATS = {
    "newer": (np.array(FORMAT + 1), f"has format {FORMAT + 1}.*Update keras_optim"),
    "text": (np.array("one"), "format.*'one'"),
    "NaN": (np.array(np.nan), "format.*nan"),
    "a fraction": (np.array(1.5), r"format.*1\.5"),
    "zero": (np.array(0), "format.*0"),
    "negative": (np.array(-1), "format.*-1"),
    "a vector": (np.ones(9999, int), r"format.*<ndarray of shape \(9999,\)"),
    "empty": (np.array([]), "format"),
    "a boolean": (np.array(True), "format.*True"),
}


@pytest.mark.parametrize("built", [True, False])
@pytest.mark.parametrize("case", FORMATS)
def test_a_wrong_format_is_refused(case, built):
    value, message = FORMATS[case]
    optimizer = trained(keras_optim.Adam(0.1)) if built else keras_optim.Adam(0.1)
    before = state(optimizer)
    with pytest.raises(ValueError, match=f"Adam: .*{message}"):
        optimizer.load_own_variables({**store_of(trained(keras_optim.Adam(0.5))), "format": value})
    assert state(optimizer) == before


DAMAGES = {
    "text for numbers": ({"momentum.1": np.array(["a"] * 5)}, r"momentum\.1 .*<U1"),
    "objects for numbers": ({"momentum.1": np.array([None] * 5)}, r"momentum\.1 .*object"),
    "bytes for numbers": ({"momentum.1": np.array([b"a"] * 5)}, r"momentum\.1 .*S1"),
    "complex numbers": ({"velocity.2": np.zeros((4, 3), complex)}, r"velocity\.2 .*complex"),
    "text for the count": ({"iteration": np.array("3")}, "iteration .*<U1"),
    "text for the rate": ({"learning_rate": np.array("fast")}, "learning_rate .*<U4"),
    "text for the name": ({"algorithm": np.array("Adam")}, "algorithm .*<U4"),
    "a negative count": ({"iteration": np.array(-7)}, "iteration must be an integer.*: -7"),
    "a NaN for the count": ({"iteration": np.array(np.nan)}, "iteration must be an int.*: nan"),
    "an infinite count": ({"iteration": np.array(np.inf)}, "iteration must be an int.*: inf"),
    "half a step": ({"iteration": np.array(1.5)}, r"iteration must be an integer.*: 1\.5"),
    "a huge count": (
        {"iteration": np.array(2**63, "uint64")},
        f"iteration must be an integer from 0 to {LARGEST}, up to which .* counts.*: {2**63}",
    ),
    "two counts": ({"iteration": np.zeros(2)}, "iteration must be one number.*0.0, 0.0"),
    "a negative rate": ({"learning_rate": np.array(-0.1)}, r"learning_rate must be a fin.*: -0\.1"),
    "a NaN for the rate": ({"learning_rate": np.array(np.nan)}, "learning_rate must be .*: nan"),
    "an infinite rate": ({"learning_rate": np.array(np.inf)}, "learning_rate must be .*: inf"),
    "a huge rate": ({"learning_rate": np.array(1e300)}, "learning_rate must be .*1e.300"),
    "two rates": ({"learning_rate": np.zeros(2)}, "learning_rate must be one number"),
}


@pytest.mark.parametrize("built", [True, False])
@pytest.mark.parametrize("case", DAMAGES)
def test_what_is_no_number_is_refused(case, built):
    damage, message = DAMAGES[case]
    optimizer = trained(keras_optim.Adam(0.1)) if built else keras_optim.Adam(0.1)
    before = state(optimizer)
    with pytest.raises(ValueError, match=f"Adam: the file is damaged: {message}"):
        optimizer.load_own_variables({**store_of(trained(keras_optim.Adam(0.5))), **damage})
    assert state(optimizer) == before


MISMATCHES = {
    "a slot of another shape": ({"momentum.1": np.zeros(6)}, (), r"left as it is: momentum\.1\.$"),
    "a scalar for a slot": ({"velocity.1": np.zeros(())}, (), r"left as it is: velocity\.1\.$"),
    "a slot too many": ({"momentum.9": np.zeros(2)}, (), r"left as it is: momentum\.9\.$"),
    "an unknown slot": ({"wrong.0": np.zeros(())}, (), r"left as it is: wrong\.0\.$"),
    "a strange name": ({"../../x": np.zeros(())}, (), r"left as it is: ../../x\.$"),
    "a slot too few": ({}, ("momentum.3",), r"left as it is: momentum\.3\.$"),
    "no count": ({}, ("iteration",), r"left as it is: iteration\.$"),
    "no format": ({}, ("format",), "state of another optimizer"),
}


@pytest.mark.parametrize("case", MISMATCHES)
def test_what_does_not_match_is_named_and_the_rest_is_read(case):
    added, removed, message = MISMATCHES[case]
    source, target = trained(keras_optim.Adam(0.5)), trained(keras_optim.Adam(0.1))
    store = {**store_of(source), **added}
    for name in removed:
        del store[name]
    untouched = store_of(target)
    with pytest.warns(UserWarning, match=message):
        target.load_own_variables(store)
    if case == "no format":
        store = {}
    for name, value in store_of(target).items():
        same = name not in store or name in added or name in removed
        np.testing.assert_array_equal(value, untouched[name] if same else store[name])


SCALARS = {
    "skipped": lambda: keras_optim.SkipNonFinite(keras_optim.SGD(0.1)),
    "momentum_product": lambda: keras_optim.Lookahead(keras_optim.Nadam(0.1)),
    "base_rate": lambda: keras_optim.AdaBound(0.1),
}


@pytest.mark.parametrize("built", [True, False])
@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf, [1.0, 1.0]])
@pytest.mark.parametrize("name", SCALARS)
def test_a_shared_number_out_of_its_range_is_refused(name, value, built):
    optimizer = trained(SCALARS[name]()) if built else SCALARS[name]()
    before = state(optimizer)
    store = {**store_of(trained(SCALARS[name]())), name: np.array(value)}
    with pytest.raises(ValueError, match=f"the file is damaged: {name} must be "):
        optimizer.load_own_variables(store)
    assert state(optimizer) == before


def test_the_state_of_a_run_that_diverged_is_read():
    store = {**store_of(trained(keras_optim.Adam(0.1))), "momentum.1": np.full(5, np.nan)}
    optimizer = trained(keras_optim.Adam(0.1))
    optimizer.load_own_variables(store)
    assert np.isnan(numbers([optimizer.state.slots[1]["momentum"]])[0]).all()


def test_the_largest_count_is_read_on_every_backend():
    optimizer = trained(keras_optim.Adam(0.1))
    optimizer.load_own_variables({**store_of(optimizer), "iteration": np.array(LARGEST)})
    assert int(keras.ops.convert_to_numpy(optimizer.iterations)) == LARGEST


# ---- files


def fitted():
    model = small_model()
    model.compile(optimizer=keras_optim.Adam(0.01), loss="mse")
    x, y = small_data()
    model.fit(x, y, epochs=1, verbose=0)
    return model


@pytest.mark.parametrize("name", ["model.keras", "model.weights.h5"])
def test_a_truncated_file_is_refused_and_harms_nothing(name, tmp_path):
    model = fitted()
    path = tmp_path / name
    model.save(path) if name.endswith(".keras") else model.save_weights(path)
    whole = path.read_bytes()
    before = state(model.optimizer), [w.tolist() for w in model.get_weights()]
    for share in (0.0, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99):
        path.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises((ValueError, OSError, zipfile.BadZipFile)):
            if name.endswith(".keras"):
                keras.models.load_model(path)
            else:
                model.load_weights(path)
        assert path.read_bytes() == whole[: int(share * len(whole))]
    assert (state(model.optimizer), [w.tolist() for w in model.get_weights()]) == before


HOSTILE = {
    "a function of another module": {
        "module": "os",
        "class_name": "system",
        "config": {"command": "touch MARK"},
        "registered_name": None,
    },
    "a class of another module": {
        "module": "subprocess",
        "class_name": "Popen",
        "config": {"args": ["touch", "MARK"]},
        "registered_name": None,
    },
    "a builtin": {
        "module": "builtins",
        "class_name": "exec",
        "config": {"source": "open('MARK', 'w')"},
        "registered_name": None,
    },
    "a lambda": {
        "class_name": "__lambda__",
        "config": {"value": ["4wAAAAAAAAAA", None, None]},
    },
    "a file that does not exist": {
        "module": "keras_optim.nowhere",
        "class_name": "Adam",
        "config": {},
        "registered_name": "keras_optim>Nowhere",
    },
}


@pytest.mark.parametrize("where", ["learning_rate", "inner"])
@pytest.mark.parametrize("case", HOSTILE)
def test_loading_never_executes_what_a_file_names(case, where, tmp_path):
    mark = tmp_path / "executed"
    hostile = json.loads(json.dumps(HOSTILE[case]).replace("MARK", str(mark)))
    optimizer = keras_optim.EMA(keras_optim.Adam(0.01))
    model = small_model()
    model.compile(optimizer=optimizer, loss="mse")
    model.save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(contents["config.json"])
    inside = config["compile_config"]["optimizer"]["config"]
    if where == "inner":
        inside["inner"] = hostile
    else:
        inside["inner"]["config"]["learning_rate"] = hostile
    contents["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(tmp_path / "hostile.keras", "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    with pytest.raises((TypeError, ValueError)):
        keras.models.load_model(tmp_path / "hostile.keras")
    assert not mark.exists()


def test_the_state_in_a_file_is_plain_numbers(tmp_path):
    """Read back with pickles forbidden; nothing in it can be code."""
    for name in ("adam", "nadam", "adafactor"):
        store = store_of(trained(keras_optim.get(name)))
        np.savez(tmp_path / "state.npz", **store)
        with np.load(tmp_path / "state.npz", allow_pickle=False) as loaded:
            assert {k: loaded[k].dtype.kind for k in loaded} == {
                k: {"format": "i", "iteration": "i", "algorithm": "u"}.get(k, "f") for k in store
            }
    assert b"lambda" not in pickle.dumps(keras_optim.Adam())
