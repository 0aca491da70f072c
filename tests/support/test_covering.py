"""Covering designs have all pairs, in few rows."""

import itertools

from tests.conftest import one_backend
from tests.support.covering import pairwise

pytestmark = one_backend
OPTIONS = {"a": "xyz", "b": "xy", "c": (None, 2, 3), "d": (False, True)}


def test_each_pair_is_there():
    rows = pairwise(OPTIONS)
    for one, other in itertools.combinations(OPTIONS, 2):
        found = {(row[one], row[other]) for row in rows}
        assert found == set(itertools.product(OPTIONS[one], OPTIONS[other]))


def test_it_is_far_from_all_combinations():
    assert len(pairwise(OPTIONS)) <= 12 < 3 * 2 * 3 * 2
    assert pairwise({"a": (1, 2), "b": (3,)}) == [{"a": 1, "b": 3}, {"a": 2, "b": 3}]
