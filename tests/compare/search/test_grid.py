"""The grid over the rate, and the search that tries nothing: worked out by hand."""

import itertools
import math

import pytest

import keras_optim
from keras_optim.compare.process.errors import UsageError
from keras_optim.compare.search.dimensions import Number
from keras_optim.compare.search.fixed import Fixed
from keras_optim.compare.search.grid import Grid
from keras_optim.compare.search.space import space
from tests.conftest import one_backend

pytestmark = one_backend
RATE = {"learning_rate": Number(own=0.001, low=3.16e-5, high=0.0316)}
FIVE = [0.0001, 0.000316, 0.001, 0.00316, 0.01]


def searched(loss, most=1, dimensions=RATE):
    """Return the search at its end, and the rates in their order."""
    search, rates = Grid(dimensions), []
    while candidates := search.next(most):
        assert len(candidates) <= most and not search.done
        for candidate in candidates:
            rates.append(candidate["learning_rate"])
            search.tell(candidate, (loss(rates[-1]), 0.0))
    assert search.done and search.tried == len(rates)
    return search, rates


@pytest.mark.parametrize("most", [1, 2, 5, 100])
@pytest.mark.parametrize(
    ("loss", "further", "best"),
    [
        (lambda rate: abs(rate - 0.001), [], 0.001),
        (lambda rate: abs(rate - 0.004), [], 0.00316),
        (lambda rate: -rate, [0.0316, 0.1, 0.316], 0.316),
        (lambda rate: rate, [3.16e-5, 1e-5, 3.16e-6], 3.16e-6),
        (lambda rate: abs(rate - 0.03), [0.0316, 0.1], 0.0316),
        (lambda rate: abs(rate - 0.01), [0.0316], 0.01),
        (lambda rate: 1.0, [], 0.001),
        (lambda rate: math.inf, [], 0.001),
        (lambda rate: math.nan, [], 0.001),
        (lambda rate: math.inf if rate > 2e-4 else 1.0, [3.16e-5], 1e-4),
    ],
)
def test_the_grid_grows_while_its_best_is_at_an_edge(loss, further, best, most):
    search, rates = searched(loss, most)
    assert rates == FIVE + further
    assert search.best == {"learning_rate": best}


def test_it_waits_for_results_before_it_grows():
    search = Grid(RATE)
    first = search.next(4)
    assert [c["learning_rate"] for c in first] == FIVE[:4]
    [last] = search.next(4)
    assert search.next(4) == [] and not search.done
    for candidate in (last, *reversed(first[1:])):
        search.tell(candidate, (candidate["learning_rate"], 0.0))
    assert search.next(4) == [] and not search.done and search.tried == 4
    search.tell(first[0], (0.0, 0.0))
    assert search.next(4) == [{"learning_rate": 3.16e-5}]


def test_the_order_of_results_does_not_matter():
    outcomes = set()
    for order in itertools.permutations(range(5)):
        search = Grid(RATE)
        candidates = search.next(5)
        for k in order:
            search.tell(candidates[k], (1.0, 2.0 if k < 3 else 1.0))
        outcomes.add((search.best["learning_rate"], str(search.next(9))))
    assert outcomes == {(0.00316, "[]")}


def test_a_second_result_and_a_strange_rate_change_nothing():
    search = Grid(RATE)
    search.tell({"learning_rate": 0.001}, (0.0, 0.0))  # not given yet
    assert search.tried == 0
    [candidate] = search.next(1)
    search.tell(candidate, (1.0, 0.0))
    search.tell(candidate, (0.0, 0.0))
    search.tell({"learning_rate": 0.5}, (0.0, 0.0))
    search.tell({}, (0.0, 0.0))
    assert search.tried == 1


def test_the_own_rate_is_kept_and_others_have_three_digits():
    _, rates = searched(lambda rate: 1.0, dimensions=space(keras_optim.Adam(0.00123456)))
    assert rates == [0.000123, 0.00039, 0.00123456, 0.0039, 0.0123]


@pytest.mark.parametrize(
    ("dimensions", "words"),
    [
        (space(keras_optim.Adam(), "all"), "learning_rate, beta_1, beta_2. .*TPE or quasi-random"),
        (space(keras_optim.Adam(), ["beta_1"]), "alone. Received: beta_1"),
        ({}, "alone. Received: none"),
        (space(keras_optim.Adam(0.0)), "above 0"),
    ],
)
def test_more_than_the_rate_is_refused(dimensions, words):
    with pytest.raises(UsageError, match=words):
        Grid(dimensions)


def test_no_tuning():
    search = Fixed(space(keras_optim.Adam(0.01), ["learning_rate", "beta_1"]))
    search.tell({"learning_rate": 1.0, "beta_1": 0.0}, (0.0, 0.0))
    assert (search.next(9), search.tried, search.done) == ([], 0, True)
    assert search.best == {"learning_rate": 0.01, "beta_1": 0.9}
