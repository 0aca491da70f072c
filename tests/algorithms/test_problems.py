"""Every optimizer goes downhill on problems whose minimum is known to be zero.

That it takes the same path on each backend is held by `test_reference.py`.
"""

import importlib

import numpy as np
import pytest

from tests.conftest import one_backend
from tests.support.catalog_cases import EVERY, make, rule_of
from tests.support.passes import apply
from tests.support.problems import PROBLEMS
from tests.support.trajectories import numbers, tensor, variables

pytestmark = one_backend


def rate_of(algorithm, problem):
    """That of the problem, which suits normalised steps, or that in the reference's `RATES`.

    Steps of plain gradient descent follow the gradient's scale, so its rate does too.
    """
    rates = getattr(importlib.import_module(f"tests.references.{algorithm}"), "RATES", {})
    return rates.get(problem, PROBLEMS[problem].rate)


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("name", EVERY)
def test_descends(name, problem):
    case = PROBLEMS[problem]
    optimizer = make(name, learning_rate=rate_of(rule_of(name).__name__.lower(), problem))
    [x] = variables([np.array(case.start)])

    def gradients():
        return [tensor(case.gradient(numbers([x])[0]))]

    for _ in range(150):
        apply(optimizer, gradients(), [x], gradients)
    assert case.value(numbers([x])[0]) < case.goal < 0.4 * case.value(np.array(case.start))


@pytest.mark.parametrize("problem", PROBLEMS)
def test_the_gradients_are_right(problem):
    case = PROBLEMS[problem]
    x = np.array(case.start) + 0.1
    for i in range(len(x)):
        d = np.eye(len(x))[i] * 1e-6
        slope = (case.value(x + d) - case.value(x - d)) / 2e-6
        assert abs(slope - case.gradient(x)[i]) < 1e-6


def test_known_values():
    assert PROBLEMS["rosenbrock"].value(np.array([-2.0, 2.0])) == 409
    assert PROBLEMS["beale"].value(np.array([1.0, 1.0])) == 14.203125
