"""Performance profiles of times made by hand."""

import numpy as np
import pytest

from keras_optim.compare.analysis.profiles import profile
from tests.compare import synthetic
from tests.compare.analysis.made import MISS, comparison, run, subject
from tests.conftest import one_backend

pytestmark = one_backend


def reaching(epoch, name, seed, task):
    """A run that reaches the target .8 at an epoch."""
    curve = [0.8 * (0 < epoch <= k) for k in range(7)]
    return run(0.9, name, seed, task, curve=curve)


def share(found, name, tau):
    return found.shares[name][np.searchsorted(found.taus, tau - 1e-9)]


TASK = subject(target=0.8, epochs=6)


def test_shares_by_hand():
    """Seeds 1 and 2; a needs 2 and 6 epochs, b 3 and 2, c 2 and never."""
    epochs = {"a": [2, 6], "b": [3, 2], "c": [2, 0]}
    runs = [reaching(e, name, s, TASK) for name, es in epochs.items() for s, e in enumerate(es)]
    found = profile(comparison(runs, TASK))
    assert found.problems == 2
    assert [share(found, "a", tau) for tau in (1, 2.9, 3, 4)] == [0.5, 0.5, 1, 1]
    assert [share(found, "b", tau) for tau in (1, 1.49, 1.5, 4)] == [0.5, 0.5, 1, 1]
    assert [share(found, "c", tau) for tau in (1, 4)] == [0.5, 0.5]
    assert found.area("c") == pytest.approx(0.5)
    assert found.area("a") == pytest.approx((2 * 0.5 + 1) / 3, abs=0.001)  # 300 steps


def test_misses_and_problems_that_nobody_solved_stay_unsolved():
    runs = [reaching(1, "a", 1, TASK), run(MISS, "b", 1, TASK)]
    runs += [reaching(0, "a", 2, TASK), run(MISS, "b", 2, TASK)]
    found = profile(comparison(runs, TASK))
    assert set(found.shares["a"]) == {0.5} and set(found.shares["b"]) == {0}


def test_several_workloads_without_variants_and_targets():
    other, variant = (
        subject("other", target=0.8, epochs=6),
        subject("variant", target=0.8, epochs=6, parent="task"),
    )
    free = subject("free")
    runs = [reaching(1, "a", 1, t) for t in (TASK, other, variant)] + [run(0.9, "a", 1, free)]
    runs += [reaching(2, "b", 1, t) for t in (TASK, variant)] + [reaching(1, "b", 1, other)]
    made = comparison(runs, TASK, other, variant, free)
    assert profile(made).problems == 2
    assert share(profile(made), "b", 1) == 0.5
    assert profile(made, ("variant",)).shares["b"][0] == 0


def test_without_targets_nothing_is_known():
    found = profile(comparison([run(0.9)], subject()))
    assert found.problems == 0 and np.isnan(found.shares["a"]).all()


def test_shares_rise_from_one_to_four():
    found = profile(synthetic.comparison(20))
    assert found.taus[0] == 1 and found.taus[-1] == 4
    first = sum(shares[0] for shares in found.shares.values())
    assert first >= 8 / 9  # each problem that is solved has a fastest
    for shares in found.shares.values():
        assert (np.diff(shares) >= 0).all() and shares[0] >= 0 and shares[-1] <= 1
