"""Whatever shapes, dtypes, hyper-parameters and finite gradients: no step makes a NaN.

Within what is documented: weights up to 1e15 (100 in half precision, where more soon overflows),
gradients up to 1e30, rates up to 1, other numbers without an upper limit up to 10.
"""

import itertools

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from keras_optim.arguments import hyperparameters
from keras_optim.tensors import HALF
from tests.arguments.test_hyperparameters import BOUND, values_in
from tests.support.catalog_cases import EVERY, NAMES, make, rule_of, variants
from tests.support.passes import apply
from tests.support.trajectories import numbers, tensor, variables

BACKEND = keras.backend.backend()
# JAX compiles each operation for each new shape, TensorFlow is slow.
EXAMPLES = 20 if BACKEND == "torch" else 3
ANY_SHAPE = npst.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=4)
A_FEW = st.sampled_from([(2, 3), (), (0, 3), (1,), (2, 1, 3, 1, 2)])
SHAPES = ANY_SHAPE if BACKEND == "torch" else A_FEW
PLAIN = st.floats(-1e15, 1e15)
EDGES = st.sampled_from([0.0, -0.0, 1e-45, -1e-40, 1e-38, 1e-20, 1e15, -1e15])
HUGE = st.sampled_from([1e20, -1e25, 1e30, -1e30])


@st.composite
def problem(draw, gradients):
    """Values of two variables, their dtype, and three steps of gradients."""
    shapes = draw(st.lists(SHAPES, min_size=1, max_size=2))
    dtype = draw(st.sampled_from(["float32", "float32", "bfloat16", "float16"]))
    weights = st.floats(-100, 100, width=16)
    xs = [draw(npst.arrays("float64", s, elements=weights)) for s in shapes]
    steps = [
        [draw(npst.arrays("float64", s, elements=gradients)) for s in shapes] for _ in range(3)
    ]
    return xs, steps, dtype


RATES = ("learning_rate", "weight_decay")


@st.composite
def hyper_parameters(draw, name):
    """Anything in the declared ranges."""
    constructor = type(make(name)).__init__
    hints = hyperparameters.declared(constructor)
    return {
        parameter: draw(values_in(hints[parameter], 1.0 if parameter in RATES else 10.0))
        for parameter in hyperparameters.own_parameters(constructor)
        if parameter not in BOUND
    }


def go(optimizer, xs, steps, dtype="float32", kernels=True):
    """Yields the values of the variables and of the state after each step.

    In half precision without kernels, which each take their time to compile: `codegen/test_half.py`
    compares them.
    """
    xs = variables(xs, dtype)
    for gs in steps:
        if dtype == "float16":
            gs = [np.clip(g, -100, 100) for g in gs]
        with pytest.MonkeyPatch.context() as patch:
            if dtype in HALF or not kernels:
                patch.setenv("KERAS_OPTIM_TORCH", "eager")
            apply(optimizer, [tensor(g, dtype) for g in gs], xs)
        yield numbers(xs), numbers(optimizer.variables)
        if any(np.any(np.abs(x) > 1e15) for x in numbers(xs)):
            return


QUICK = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@QUICK
def test_no_hyper_parameter_in_its_range_makes_a_nan(name, data):
    xs, steps, dtype = data.draw(problem(st.one_of(PLAIN, EDGES)))
    optimizer = make(name, **data.draw(hyper_parameters(name)))
    kernels = data.draw(st.integers(0, 2)) == 0  # each takes its time to compile
    for values, state in go(optimizer, xs, steps, dtype, kernels):
        assert not any(np.any(np.isnan(v)) for v in (*values, *state))


@pytest.mark.parametrize("name", EVERY)
@given(data=st.data())
@QUICK
def test_no_finite_gradient_makes_a_nan(name, data):
    """At the default hyper-parameters: up to 1e30, whose square no float32 holds."""
    xs, steps, dtype = data.draw(problem(st.one_of(PLAIN, EDGES, HUGE)))
    for values, _ in go(make(name), xs, steps, dtype):
        assert not any(np.any(np.isnan(v)) for v in values)


DECAYS = ("beta", "beta_1", "beta_2", "momentum", "rho")


@pytest.mark.parametrize("name", NAMES)
def test_directions_beyond_all_bounds_times_a_rate_of_zero(name):
    """A large gradient, then none, without memory of its square and with the least epsilon."""
    own = hyperparameters.own_parameters(type(make(name)).__init__)
    least = {"epsilon": 1e-20 if name == "lamb" else 1e-30} if "epsilon" in own else {}
    trials = itertools.product((0.0, 1.0), ("none", *DECAYS), variants(name))
    for rate, decay, variant in trials:
        if variant.get("nesterov") and decay == "momentum":
            continue  # it needs one
        forgets = {decay: 0.0} if decay in own else {}
        optimizer = make(name, **{**variant, "learning_rate": rate, **least, **forgets})
        steps = [[np.full((2, 3), g)] for g in (1e15, 0.0, 1e-40, 1e15, 0.0)]
        for values, state in go(optimizer, [np.ones((2, 3))], steps):
            assert not any(np.any(np.isnan(v)) for v in (*values, *state))


@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_finite_stays_in_its_variable(name):
    """A NaN or an infinity does not reach the other variables, nor stop anything.

    What is estimated from all variables leaves it out, and so is another number.
    """
    values = [np.ones((2, 3)), np.ones((2, 3)), np.ones((2, 3))]
    good = np.linspace(-1, 2, 6).reshape(2, 3)
    bad = [np.full((2, 3), np.nan), np.full((2, 3), np.inf), good]
    ends, _ = next(go(make(name), values, [bad]))
    expected, _ = next(go(make(name), values, [[good, good, good]]))
    if rule_of(name).joint:
        assert np.all(np.isfinite(ends[2]))
    else:
        np.testing.assert_array_equal(ends[2], expected[2])
