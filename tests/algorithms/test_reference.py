"""Every algorithm against the paper's equations in plain NumPy, step by step."""

import importlib

import numpy as np
import pytest

import keras_optim
from keras_optim import catalog
from tests.peers.table import REFERENCES
from tests.support.trajectories import RATES, SHAPES, difference, expected, gradients, run, starts
from tests.tools.parity import assert_as_on_the_page, reference_difference

REFERENCED = catalog.names()
"""Every algorithm; the references of wrappers are around momentum, see below."""


@pytest.mark.parametrize("name", REFERENCED)
def test_float64(name, float64):
    worst = reference_difference(name, "float64")
    assert worst < 1e-10
    assert_as_on_the_page("float64", name, worst)


@pytest.mark.parametrize("name", REFERENCED)
def test_float32(name):
    worst = reference_difference(name, "float32")
    assert worst < 1e-5
    assert_as_on_the_page("float32", name, worst)


WRAPPED = [
    pytest.param(name, case, id=f"{name}-{i}")
    for name in REFERENCES
    if name not in REFERENCED and catalog.find(name).algorithm.second == "none"
    for i, case in enumerate(importlib.import_module(f"tests.references.{name}").CASES)
]


@pytest.mark.parametrize(("name", "case"), WRAPPED)
def test_wrappers_around_momentum(name, case, float64):
    values, steps = starts(), gradients()
    own = {k: v for k, v in case.items() if k != "momentum"}
    inner = keras_optim.SGD(momentum=case["momentum"])
    path = run(keras_optim.get(name, inner=inner, **own), values, steps, RATES, "float64")
    assert difference(path, expected(name, case, values, steps)) < 1e-10


def test_the_step_is_counted_exactly_where_single_precision_is_not(float64):
    """Bias correction and RAdam's length at large steps, against double precision."""
    from keras import ops

    from keras_optim.algorithms.radam import sma_length
    from keras_optim.numerics import bias

    for beta in (0.9, 0.999, 0.99999999):
        for t in (1, 5, 6, 400, 600, 10**6, 2**24 + 1):
            exact = -np.expm1(t * np.log(beta))
            for dtype, tolerance in (("float64", 1e-14), ("float32", 3e-7)):
                got = float(bias(beta, ops.convert_to_tensor(t), like=ops.ones((), dtype)))
                assert abs(got / exact - 1) < tolerance
            if beta == 0.999:
                paper = 1999 - 2 * t * beta**t / (1 - beta**t)
                got = float(
                    sma_length(beta, ops.convert_to_tensor(t), like=ops.ones((), "float32"))
                )
                assert abs(got / paper - 1) < 1e-6
    assert len(SHAPES) == 4
