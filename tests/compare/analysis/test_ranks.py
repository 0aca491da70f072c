"""Ranks by hand, and against scipy and scikit-posthocs."""

import math
import warnings

import numpy as np
import pytest
from scipy import stats

from keras_optim.compare.analysis.profiles import profile
from keras_optim.compare.analysis.ranks import nemenyi, ranks
from tests.compare import synthetic
from tests.compare.analysis.made import MISS, comparison, judged, run, subject
from tests.conftest import one_backend

pytestmark = one_backend
SCORES = {
    "a": [0.90, 0.91, 0.95, 0.93],
    "b": [0.80, 0.92, 0.85, 0.90],
    "c": [0.70, 0.60, 0.85, 0.50],
}
PAIRS = ((0.9, "good"), (0.5, "bad"))


def test_seeds_are_the_blocks_of_one_workload():
    found = ranks(judged(SCORES))
    assert found.kind == "seed" and found.blocks == ("seed 1", "seed 2", "seed 3", "seed 4")
    assert found.optimizers == ("a", "b", "c")
    assert found.table.tolist() == [[1, 2, 3], [2, 1, 3], [1, 2.5, 2.5], [1, 2, 3]]
    assert found.averages == {"a": 1.25, "b": 1.875, "c": 2.875}


def test_friedman_as_in_scipy():
    found = ranks(judged(SCORES))
    expected = stats.friedmanchisquare(*SCORES.values())
    assert found.statistic == pytest.approx(expected.statistic)
    assert found.p_value == pytest.approx(expected.pvalue)


def test_a_lower_error_ranks_first():
    found = ranks(judged(SCORES, subject(higher=False)))
    assert found.optimizers == ("c", "b", "a")


def test_workloads_are_blocks_ranked_by_misses_and_means():
    first, second = subject("first"), subject("second", higher=False)
    variant = subject("variant", parent="first")
    values = {
        "a": {"first": [0.9, MISS], "second": [0.2, 0.3]},
        "b": {"first": [0.5, 0.6], "second": [0.1, 0.2]},
        "c": {"first": [0.6, 0.7], "second": [MISS, MISS]},
    }
    runs = [
        run(value, name, seed, {"first": first, "second": second}[task])
        for name, of_tasks in values.items()
        for task, scores in of_tasks.items()
        for seed, value in enumerate(scores)
    ]
    runs += [run(0.9, "c", 1, variant)]
    found = ranks(comparison(runs, first, second, variant))
    assert found.kind == "workload" and found.blocks == ("first", "second")
    assert found.averages == {"b": 1.5, "c": 2.0, "a": 2.5}
    assert ranks(comparison(runs, first, second, variant), ["variant"]).blocks == ("seed 1",)


@pytest.mark.parametrize(
    "optimizers, blocks, expected", [(5, 30, 1.113), (10, 20, 3.029), (2, 9, 0.653)]
)
def test_nemenyi_with_the_published_quantiles(optimizers, blocks, expected):
    """Demšar, table 5: q is 2.728, 3.164 and 1.960 for 5, 10 and 2."""
    assert nemenyi(optimizers, blocks) == pytest.approx(expected, abs=1e-3)


def test_groups_agree_with_scikit_posthocs():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        posthocs = pytest.importorskip("scikit_posthocs", reason="scikit-posthocs is not installed")

    generator = np.random.default_rng(0)
    scores = {
        str(i): (0.5 + 0.04 * i + 0.05 * generator.normal(size=12)).tolist() for i in range(6)
    }
    found = ranks(judged(scores))
    p = posthocs.posthoc_nemenyi_friedman(np.array(list(scores.values())).T)
    together = {(a, b) for group in found.groups for a in group for b in group}
    for i, a in enumerate(scores):
        for j, b in enumerate(scores):
            assert ((a, b) in together) == (p.iloc[i, j] > 0.05 or i == j)
    assert 2 <= len(found.groups) < 6


def test_groups_are_the_longest_stretches():
    """Averages 1, 2, 3, 4, and a critical difference of 2.569 * sqrt(4 * 5 / (6 * 40)) = .74."""
    scores = {str(i): [0.9 - 0.1 * i] * 40 for i in range(4)}
    found = ranks(judged(scores))
    assert 0.7 < found.critical_difference < 0.8
    assert found.groups == (("0",), ("1",), ("2",), ("3",))


@pytest.mark.parametrize("scores", [{"a": [0.9], "b": [0.8], "c": [0.1]}, {"a": [0.9], "b": [0.8]}])
def test_one_block_says_nothing(scores):
    found = ranks(judged(scores))
    assert math.isnan(found.statistic) and found.critical_difference == math.inf
    assert found.groups == (tuple(scores),)


def test_equal_optimizers():
    found = ranks(judged({name: [0.9] * 3 for name in "abc"}))
    assert (found.statistic, found.p_value) == (0, 1)


def test_without_judging_runs():
    found = ranks(comparison([run(0.9, stage="tuning"), run(0.9, "b", stage="tuning")]))
    assert found.blocks == () and math.isnan(found.averages["a"])


def test_ranks_of_each_block_have_the_same_sum():
    found = ranks(synthetic.comparison(15))
    assert found.table.sum(1).tolist() == [15 * 16 / 2] * 3
    assert list(found.averages.values()) == sorted(found.averages.values())


def test_an_optimizer_that_was_not_run_somewhere_has_no_rank():
    first, second = subject("first", target=0.8), subject("second", target=0.8)
    both = [run(v, o, s, task) for task in (first, second) for s in (1, 2, 3) for v, o in PAIRS]
    made = comparison([*both, *(run(0.99, "partly", s, first) for s in (1, 2, 3))], first, second)
    assert set(ranks(made).optimizers) == {"good", "bad"}
    assert set(profile(made).shares) == {"good", "bad"}
    assert set(ranks(made, ["first"]).optimizers) == {"good", "bad", "partly"}
