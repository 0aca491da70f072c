"""Every optimizer goes downhill on problems whose minimum is known to be zero."""

import numpy as np
import pytest

from tests.support.catalog_cases import EVERY, make
from tests.support.problems import PROBLEMS
from tests.support.trajectories import numbers, tensor, variables

# Steps of plain gradient descent follow the gradient's scale, so its rate does too.
RATES = {
    ("sgd", "quadratic"): 1.0,
    ("sgd", "rosenbrock"): 1e-3,
    ("sgd", "beale"): 1e-2,
    ("adagrad", "quadratic"): 0.5,
    ("adagrad", "rosenbrock"): 0.5,
    ("adagrad", "beale"): 0.5,
    ("aggmo", "rosenbrock"): 1e-3,
    ("aggmo", "beale"): 5e-3,
    ("lars", "rosenbrock"): 1e-3,  # plain momentum, as x is a vector
    ("lars", "beale"): 5e-3,
    ("adadelta", "quadratic"): 10.0,  # a factor of its own steps, which begin at 0.004
    ("adadelta", "rosenbrock"): 3.0,
    ("adadelta", "beale"): 3.0,
    ("accsgd", "rosenbrock"): 1e-3,  # as SGD with momentum
    ("sgdp", "rosenbrock"): 1e-3,
    ("ftrl", "quadratic"): 1.0,  # as Adagrad
    ("ftrl", "rosenbrock"): 0.5,
    ("ftrl", "beale"): 0.5,
    ("sm3", "beale"): 0.5,
    ("adamod", "quadratic"): 1.0,  # its rates grow over a thousand steps
    ("adamod", "rosenbrock"): 0.5,
    ("adamod", "beale"): 0.5,
    ("lion", "beale"): 0.05,  # signs of a long memory: slow to turn
    ("radam", "rosenbrock"): 2e-3,  # its first five steps are plain momentum
}


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("name", EVERY)
def test_descends(name, problem):
    case = PROBLEMS[problem]
    algorithm = name.rstrip(")").partition("(")[2] or name
    optimizer = make(name, learning_rate=RATES.get((algorithm, problem), case.rate))
    [x] = variables([np.array(case.start)])
    for _ in range(150):
        optimizer.apply([tensor(case.gradient(numbers([x])[0]))], [x])
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
