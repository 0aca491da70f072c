"""Searches in processes of their own: killed at random moments, and side by side."""

import random
import time
from collections import Counter

import pytest

from tests.compare.search.test_trials import lines, results, undisturbed, urls
from tests.compare.search.worker import search_in
from tests.conftest import one_backend

pytestmark = one_backend
BUDGET = 9


def test_killed_at_random_moments(tmp_path, start):
    """The same trials and best as an undisturbed search; each kill costs at most one run."""
    url, generator = "-", random.Random(0)
    kills = 0
    while True:
        before = len(lines(tmp_path))
        child = start(tmp_path, url, BUDGET, 0.02)
        while len(lines(tmp_path)) == before and child.poll() is None:
            time.sleep(0.002)
        time.sleep(generator.uniform(0, 0.1))
        if kills < 2 and child.poll() is None:
            child.kill()
            kills += 1
        elif child.wait(30) == 0:
            break
        assert not child.stderr.read()
    search = search_in(tmp_path, url, BUDGET)
    expected = undisturbed(tmp_path / "whole", budget=BUDGET)
    assert kills == 2 and search.done
    assert results(search) == results(expected) and search.best == expected.best
    assert BUDGET <= len(lines(tmp_path)) <= BUDGET + kills


@pytest.mark.parametrize("kind", [0, 1])
def test_side_by_side(tmp_path, start, kind):
    """No run twice, and one process that is killed costs at most its own."""
    url = urls(tmp_path)[kind]
    children = [start(tmp_path, url, BUDGET, 0.05) for _ in range(2 + (kind == 0))]
    while len(lines(tmp_path)) < 3 and all(child.poll() is None for child in children):
        time.sleep(0.002)
    children[0].kill()
    for child in children[1:]:
        assert child.wait(30) == 0, child.stderr.read()
        assert not child.stderr.read()
    names = Counter(line.split()[0] for line in lines(tmp_path))
    search = search_in(tmp_path, url, BUDGET)
    assert search.done and len(names) == BUDGET
    assert sum(names.values()) <= BUDGET + 1
