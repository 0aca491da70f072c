"""Verdicts on scores made by hand."""

import math

import numpy as np
import pytest

from keras_optim.compare.analysis.claims import RULE, claims
from keras_optim.compare.analysis.margins import critical
from tests.compare import synthetic
from tests.compare.analysis.made import MISS, comparison, judged, run, subject
from tests.conftest import one_backend

pytestmark = one_backend
GOOD = [0.90, 0.91, 0.92]
NEAR = [0.90, 0.915, 0.91]
POOR = [0.50, 0.51, 0.53]


def verdicts(made):
    return {name: claim.verdict for name, claim in claims(made, "task").items()}


def test_best_tied_and_worse_in_this_order():
    found = verdicts(judged({"poor": POOR, "near": NEAR, "good": GOOD}))
    assert list(found.items()) == [("good", "best"), ("near", "tied"), ("poor", "worse")]


def test_a_lower_error_is_better():
    task = subject(higher=False)
    found = claims(judged({"a": POOR, "b": GOOD}, task), "task")
    assert [claim.verdict for claim in found.values()] == ["best", "worse"]
    assert found["b"].difference == pytest.approx(np.mean(GOOD) - np.mean(POOR))
    assert found["b"].mean == pytest.approx(np.mean(GOOD))


def test_the_margin_by_hand():
    """The noise of each of two is half the deviation of their differences, .005, 0 and .01."""
    task = subject(test=10**9)
    found = claims(judged({"a": GOOD, "b": [0.895, 0.91, 0.91]}, task), "task")
    error = 0.005 / 2 * math.sqrt(2 / 3)
    assert found["b"].margin == pytest.approx(critical(3, 2) * error)
    assert found["b"].difference == pytest.approx(0.005)
    assert math.isnan(found["a"].margin) and found["a"].difference == 0


def test_exact_agreement_of_few_examples_is_no_proof():
    """Of 100 examples one more: its rounding has a deviation of .01 / sqrt(12)."""
    found = claims(judged({"a": [0.9, 0.9, 0.9], "b": [0.89, 0.89, 0.89]}), "task")
    assert found["b"].margin == pytest.approx(
        critical(3, 2) * 0.01 / math.sqrt(12) * (2 / 3) ** 0.5
    )
    assert found["b"].verdict == "tied"
    assert verdicts(judged({"a": [0.9] * 3, "b": [0.7] * 3}))["b"] == "worse"


@pytest.mark.parametrize("examples, verdict", [(100, "tied"), (10**6, "worse")])
def test_without_a_test_set_the_held_out_examples_round(examples, verdict):
    task = subject(test=None, validation=examples)
    found = claims(judged({"a": [0.9, 0.9, 0.9], "b": [0.89, 0.89, 0.89]}, task), "task")
    assert found["b"].verdict == verdict


def test_a_miss_ranks_below_those_with_none_and_is_not_dropped():
    found = claims(judged({"a": [0.99, MISS, 0.99], "b": POOR, "c": [MISS] * 3}), "task")
    assert {name: claim.verdict for name, claim in found.items()} == {
        "b": "best",
        "a": "missed",
        "c": "missed",
    }
    assert list(found) == ["b", "a", "c"]
    assert (found["a"].seeds, found["a"].misses) == (3, 1)
    assert found["a"].difference == pytest.approx(np.mean([0.50, 0.53]) - 0.99)
    assert found["a"].mean == pytest.approx(0.99)
    assert math.isnan(found["c"].mean) and math.isnan(found["c"].difference)


def test_failed_runs_are_misses():
    runs = [run(0.9, "a", s, state="failed" if s == 2 else None) for s in (1, 2, 3)]
    runs += [run(0.5, "b", s) for s in (1, 2, 3)]
    assert verdicts(comparison(runs)) == {"b": "best", "a": "missed"}


@pytest.mark.parametrize("seeds", [1, 2])
def test_few_seeds_have_no_spread(seeds):
    found = verdicts(judged({"a": GOOD[:seeds], "b": POOR[:seeds]}))
    assert found == {"a": "no spread", "b": "no spread"}


def test_a_miss_shows_without_spread():
    assert verdicts(judged({"a": [0.9], "b": [MISS]})) == {"a": "no spread", "b": "missed"}


def test_an_optimizer_with_seeds_still_to_come_is_not_judged_nor_the_best():
    found = verdicts(judged({"a": GOOD, "b": [0.99], "c": POOR}))
    assert found == {"a": "no spread", "c": "worse", "b": "no spread"}


def test_an_optimizer_without_judging_runs_does_not_hold_up_the_others():
    """As of one of which each tuning run diverged."""
    found = verdicts(judged({"a": GOOD, "b": [], "c": POOR}, others=["b"]))
    assert found == {"a": "best", "c": "worse", "b": "not judged"}


def test_all_missed():
    assert verdicts(judged({"a": [MISS] * 3, "b": [MISS] * 3})) == {"a": "missed", "b": "missed"}


def test_one_miss_each_leaves_the_common_seeds():
    scores = {"a": [MISS, *GOOD, 0.93], "b": [*POOR, 0.52, MISS]}
    found = claims(judged(scores), "task")
    assert {name: claim.verdict for name, claim in found.items()} == {"a": "best", "b": "worse"}
    assert found["b"].difference == pytest.approx(np.mean(GOOD) - np.mean([0.51, 0.53, 0.52]))


def test_one_optimizer_is_the_best():
    assert verdicts(judged({"a": GOOD})) == {"a": "best"}


def test_equal_optimizers_are_rarely_told_apart_in_a_whole_comparison():
    generator = np.random.default_rng(0)
    task = subject(test=10**6)
    false = 0
    for _ in range(150):
        noise = 0.01 * np.exp(0.5 * generator.normal(size=(10, 1)))
        scores = 0.8 + noise * generator.normal(size=(10, 3)) + 0.02 * generator.normal(size=3)
        made = judged({str(i): row.tolist() for i, row in enumerate(scores)}, task)
        false += "worse" in verdicts(made).values()
    assert 1 <= false <= 15  # 7.5 expected


def test_each_optimizer_of_a_large_comparison_has_a_verdict():
    made = synthetic.comparison(80)
    for workload in made.subjects:
        found = [claim.verdict for claim in claims(made, workload).values()]
        assert len(found) == 80 and found.count("best") == 1


def test_the_rule_can_be_read():
    assert all(len(sentence.split()) <= 25 for sentence in RULE.split(". "))
