"""Steps are counted exactly: beyond 2**24, where single precision stops, and up to the end."""

import keras
import numpy as np
import pytest

import keras_optim
from tests.support.catalog_cases import EVERY, make
from tests.support.passes import apply
from tests.support.trajectories import gradients, numbers, starts, tensor, variables

LAST = {"int32": 2**31 - 1, "int64": 2**63 - 1}[keras.backend.standardize_dtype("int")]
VALUES, STEPS = starts(((3,), (2, 3))), gradients(((3,), (2, 3)), steps=3)


def counted(optimizer, first, steps):
    xs = variables(VALUES)
    optimizer.build(xs)
    optimizer._iterations.assign(first)
    for i in range(steps):
        apply(optimizer, [tensor(g) for g in STEPS[i % 3]], xs)
    assert all(np.all(np.isfinite(x)) for x in (*numbers(xs), *numbers(optimizer.variables)))
    return int(keras.ops.convert_to_numpy(optimizer.iterations))


@pytest.mark.parametrize("name", EVERY)
def test_beyond_what_single_precision_counts(name):
    assert counted(make(name), 2**24 - 2, 12) == 2**24 + 10


@pytest.mark.parametrize("name", EVERY)
def test_at_the_last_integer(name):
    """A count in 32 bits stays there; in 64 bits nobody comes so far."""
    first = LAST - 2 if LAST < 2**32 else 2**31 - 3
    assert counted(make(name), first, 6) == (LAST if LAST < 2**32 else 2**31 + 3)


def test_periods_beyond_what_single_precision_counts():
    """2**24 + 1 is no single: a period of 4 would be met at the wrong steps."""
    for first in (0, 2**24):
        x, inner = variables([np.zeros(1)]), keras_optim.SGD(1.0)
        optimizer = keras_optim.Lookahead(inner, sync_period=4, slow_step_size=0.5)
        optimizer.build(x)
        optimizer._iterations.assign(first)
        path = []
        for _ in range(6):
            optimizer.apply([tensor(-np.ones(1))], x)
            path.append(float(numbers(x)[0][0]))
        assert path == [1.0, 2.0, 3.0, 2.0, 3.0, 4.0]
