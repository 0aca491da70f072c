"""State in bfloat16: which slots, on which bits they are, and that averages still move."""

import copy

import keras
import numpy as np
import pytest
from keras import ops

import keras_optim
from keras_optim import catalog
from keras_optim.contract import layers
from tests.conftest import BACKEND
from tests.support import half_bits
from tests.support.catalog_cases import FEW, make
from tests.support.loops import repeat
from tests.support.passes import apply
from tests.support.quick import covering
from tests.support.trajectories import (
    difference,
    gradients,
    joined,
    numbers,
    run,
    starts,
    tensor,
    variables,
)

STEPS, VALUES = gradients(steps=6), starts()
NARROW = {"state_dtype": "bfloat16"}
STEPPED = covering((*catalog.ALGORITHMS, *catalog.WRAPPERS))
"""Those that have all facts between them."""


@pytest.fixture
def eager(monkeypatch):
    """Without kernels, which are compared with this in tests/codegen/test_half.py."""
    monkeypatch.setenv("KERAS_OPTIM_TORCH", "eager")


class Averaging(keras_optim.Optimizer):
    """Two sums that forget, one of which does not begin at zero."""

    slots = ("sum", "kept")

    def init(self, x):
        return {"kept": ops.ones_like(x)}

    def update(self, g, x, s, t, lr):
        total = 0.5 * s["sum"] + g
        kept = 0.75 * s["kept"] + g * g
        return -lr * total / kept, {"sum": total, "kept": kept}


@pytest.mark.parametrize("seed", [0, 2**32 - 1])
def test_the_slots_are_those_of_the_definition(seed):
    """Each bit, against NumPy: widened when they are read, rounded by the bits of the step."""
    optimizer, xs = Averaging(0.5, rounding_seed=seed, **NARROW), variables(VALUES)
    slots = [(np.zeros_like(x, "float32"), np.ones_like(x, "float32")) for x in VALUES]
    for t, gs in enumerate(STEPS, start=1):
        optimizer.apply([tensor(g) for g in gs], xs)
        for i, g in enumerate(np.asarray(g, "float32") for g in gs):
            total, kept = slots[i]
            new = np.float32(0.5) * total + g, np.float32(0.75) * kept + g * g
            slots[i] = tuple(
                half_bits.at_random(
                    value,
                    "bfloat16",
                    half_bits.bits(seed, name, t, i, value.size).reshape(value.shape),
                ).astype("float32")
                for name, value in zip(("sum", "kept"), new, strict=True)
            )
            ours = numbers([optimizer.state.slots[i][n] for n in ("sum", "kept")])
            assert difference([ours], [slots[i]]) <= 1e-2 * 2.0**-8  # of a fused product at most
            close = [np.mean(a == b) for a, b in zip(ours, slots[i], strict=True)]
            assert min(close) > 0.9


def test_an_average_moves_that_rounding_to_nearest_would_stop():
    """1 - 0.999 of the way is less than half a unit in the last place of bfloat16."""
    steps, count = 800, 512
    optimizer, xs = keras_optim.Adam(0.0, beta_2=0.999, **NARROW), variables([np.zeros(count)])
    repeat(optimizer, xs, lambda t, xs: [ops.ones((count,))], steps)
    found = numbers([optimizer.state.slots[0]["velocity"]])[0]
    stopped = 0.0
    for _ in range(steps):
        stopped = float(half_bits.nearest(0.999 * stopped + 0.001, "bfloat16"))
    exact = 1.0 - 0.999**steps
    assert stopped < 0.75 * exact
    assert abs(found.mean() - exact) < 4.5 * found.std() / np.sqrt(count) < 0.01 * exact


@pytest.mark.parametrize("name", FEW)
def test_the_slots_of_a_variables_shape_are_narrow_and_the_path_is_near(name, eager):
    optimizer, xs = make(name, **NARROW), variables(VALUES)
    optimizer.build(xs)
    exact = {slot for rule in layers(optimizer) for slot in rule.exact_slots}
    for x, slots in zip(xs, optimizer.state.slots, strict=True):
        for slot, variable in slots.items():
            narrow = tuple(variable.shape) == tuple(x.shape) and slot not in exact
            assert variable.dtype == ("bfloat16" if narrow else "float32"), slot
    if name.partition("(")[0] not in STEPPED:
        return
    path, plain = [], run(make(name), VALUES, STEPS)
    for gs in STEPS:
        apply(optimizer, [tensor(g) for g in gs], xs)
        path.append(numbers(xs))
    moved = np.abs(joined(plain[-1]) - joined(VALUES)).mean()
    assert np.abs(joined(path[-1]) - joined(plain[-1])).mean() < 0.02 * moved + 1e-6


def test_adam_keeps_four_bytes_for_a_weight_instead_of_eight():
    sizes = []
    for options in ({}, NARROW):
        optimizer, xs = keras_optim.Adam(**options), variables([np.zeros((20, 30))])
        optimizer.build(xs)
        held = (ops.convert_to_numpy(v.value) for v in optimizer.state.slots[0].values())
        sizes.append(sum(array.nbytes for array in held) / 600)
    assert sizes == [8.0, 4.0]


@pytest.mark.parametrize("name", ["adam", "lookahead(adam)", "ema(adam)"])
def test_a_compiled_run_a_copy_and_a_longer_run_end_on_the_same_bits(name):
    """Nothing is kept for the random bits but the count of steps and the seed."""
    g = gradients([(40, 3)], steps=1)[0][0]

    def given(t, xs):
        return [tensor(g) * ops.cast(t, "float32")]

    def begun(steps):
        optimizer, xs = make(name, learning_rate=0.1, **NARROW), variables([np.ones((40, 3))])
        repeat(optimizer, xs, given, steps)
        return optimizer, xs

    whole, xs = begun(6)
    first, ys = begun(3)
    second = copy.deepcopy(first)
    repeat(second, ys, lambda t, xs: given(t + 3, xs), 3)
    assert difference([numbers(xs)], [numbers(ys)]) == 0.0
    for ours, theirs in zip(whole.variables, second.variables, strict=True):
        np.testing.assert_array_equal(numbers([ours])[0], numbers([theirs])[0])


def test_a_file_goes_on_to_the_bit_and_fits_the_other_precision(tmp_path):
    x = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")

    def model(**options):
        made = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), keras.layers.Dense(1)])
        made.compile(keras_optim.Adam(0.1, **options), "mse", jit_compile=BACKEND != "torch")
        return made

    def fit(model, epochs):
        model.fit(x, x[:, :1], epochs=epochs, batch_size=8, verbose=0, shuffle=False)
        return model

    start = model().get_weights()
    first, whole = model(**NARROW), model(**NARROW)
    for one in (first, whole):
        one.set_weights(start)
    fit(first, 1).save(tmp_path / "model.keras")
    loaded = fit(keras.models.load_model(tmp_path / "model.keras"), 1)
    fit(fit(whole, 1), 1)
    assert loaded.optimizer.state_dtype == "bfloat16"
    for ours, theirs in zip(loaded.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    wide = model()
    wide.optimizer.build(wide.trainable_variables)
    store: dict = {}
    first.optimizer.save_own_variables(store)
    wide.optimizer.load_own_variables(store)
    for ours, theirs in zip(wide.optimizer.variables, first.optimizer.variables, strict=True):
        np.testing.assert_array_equal(numbers([ours])[0], numbers([theirs])[0])


def test_rows_of_a_sparse_gradient_are_rounded_as_in_the_whole():
    from tests.wrappers.test_lazy_rows import lazy, path_of

    paths = [path_of(lazy("adam", options=NARROW), kind) for kind in ("dense", "sparse")]
    assert difference(*paths) < 1e-6


def test_a_look_at_the_curvature_is_rounded_at_random(eager):
    """SophiaH's average of Hessians moves by less than a unit in the last place."""
    optimizer = make("sophiah", learning_rate=0.0, beta_2=0.999, refresh_period=1, **NARROW)
    xs = variables([np.ones(256)])
    for _ in range(40):
        apply(optimizer, [tensor(np.ones(256))], xs)
    hessian = numbers([optimizer.state.slots[0]["hessian"]])[0]
    exact = (1.0 - 0.999**40) * (0.5 + np.arange(1.0, 257.0) / 256)
    assert abs((hessian / exact).mean() - 1.0) < 0.02


def test_the_outermost_optimizer_has_the_options():
    optimizer = keras_optim.EMA(keras_optim.Adam(state_dtype="bfloat16", rounding_seed=3))
    assert (optimizer.state_dtype, optimizer.rounding_seed) == ("bfloat16", 3)
    again = keras_optim.EMA.from_config(optimizer.get_config())
    assert (again.state_dtype, again.rounding_seed) == ("bfloat16", 3)
    with pytest.raises(ValueError, match="`state_dtype` is set on `inner` already"):
        keras_optim.EMA(keras_optim.Adam(state_dtype="bfloat16"), state_dtype="bfloat16")
    with pytest.raises(ValueError, match="Route: `state_dtype`"):
        keras_optim.Route({".": keras_optim.Adam(state_dtype="bfloat16")})
    with pytest.raises((TypeError, ValueError), match="`state_dtype` must be 'bfloat16' or None"):
        keras_optim.Adam(state_dtype="float16")
    optimizer.build(variables([np.zeros(2)]))
    with pytest.raises(ValueError, match="`state_dtype` must be set before the optimizer is built"):
        optimizer.state_dtype = None


def test_options_of_a_benchmark():
    from keras_optim.compare.contenders.optimizer_spec import parse_specs

    [spec] = parse_specs("adam[state_dtype=bfloat16,weight_rounding=kahan]")
    optimizer = spec.build()
    assert (optimizer.state_dtype, optimizer.weight_rounding) == ("bfloat16", "kahan")
