"""Times to target of curves made by hand."""

import math

import pytest

from keras_optim.compare.analysis.targets import Reached, reached
from tests.compare.analysis.made import MISS, run, subject
from tests.conftest import one_backend

pytestmark = one_backend
NEVER = Reached(math.inf, math.inf, math.inf)


def test_the_first_good_epoch_counts_steps_and_seconds():
    task = subject(target=0.8)
    assert reached(run(0.9, task=task, curve=[0.1, 0.5, 0.8, 0.7]), task) == Reached(2, 20, 4)


def test_a_lower_error_reaches():
    task = subject(target=0.4, higher=False)
    assert reached(run(0.3, task=task, curve=[0.9, 0.5, 0.41, 0.4]), task) == Reached(3, 30, 6)


def test_a_value_before_training_does_not_count():
    task = subject(target=0.8)
    assert reached(run(0.9, task=task, curve=[0.9, 0.5, 0.6, 0.85]), task).epochs == 3


def test_nan_reaches_nothing():
    task = subject(target=0.8)
    assert reached(run(0.9, task=task, curve=[0.1, math.nan, 0.9, 0.9]), task).epochs == 2


@pytest.mark.parametrize("value, curve", [(0.7, [0.1, 0.5, 0.6, 0.7]), (MISS, None)])
def test_never_and_misses_are_infinite(value, curve):
    task = subject(target=0.8)
    assert reached(run(value, task=task, curve=curve), task) == NEVER


def test_without_a_target_there_is_no_time():
    assert math.isnan(reached(run(0.9), subject()).epochs)
