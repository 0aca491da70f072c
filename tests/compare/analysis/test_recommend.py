"""Recommendations, and the sentences about how sure they are."""

import pytest

from keras_optim.compare.analysis.recommend import best
from tests.compare import synthetic
from tests.compare.analysis.made import MISS, comparison, judged, run, subject
from tests.conftest import one_backend

pytestmark = one_backend
GOOD = [0.90, 0.91, 0.92]
NEAR = [0.90, 0.915, 0.91]
POOR = [0.50, 0.51, 0.53]


def test_a_clear_best():
    found = best(judged({"b": POOR, "a": GOOD}))
    assert (found.name, found.tied) == ("a", ())
    assert found.hyperparameters == {"task": {"learning_rate": 0.1}}
    assert str(found) == "a is better than each other optimizer, by more than chance over 3 seeds."


def test_ties_are_named():
    found = best(judged({"poor": POOR, "near": NEAR, "good": GOOD, "also": GOOD}))
    assert (found.name, found.tied) == ("good", ("also", "near"))
    assert found.sure == (
        "good has the best mean over 3 seeds, but also and near did as well within chance."
    )


def test_many_ties_are_counted():
    found = best(judged(dict.fromkeys("abcdefgh", GOOD)))
    assert "but b, c, d, e, f and 2 more did as well" in found.sure and len(found.tied) == 7


def test_a_better_one_that_missed_is_no_lie():
    found = best(judged({"a": GOOD, "b": POOR, "c": [0.99, MISS, 0.99]}))
    assert found.name == "a"
    assert found.sure == (
        "a is better, by more than chance over 3 seeds, than each optimizer that diverged or "
        "failed no more often."
    )


@pytest.mark.parametrize("seeds, words", [(1, "from 1 seed;"), (2, "from 2 seeds;")])
def test_few_seeds_promise_nothing(seeds, words):
    found = best(judged({"a": GOOD[:seeds], "b": POOR[:seeds]}))
    assert (found.name, found.tied) == ("a", ())
    assert words in found.sure and "too few" in found.sure


def test_nothing_reached_the_end():
    assert "no recommendation" in best(judged({"a": [MISS], "b": [MISS]})).sure


def test_the_only_one():
    assert best(judged({"a": GOOD})).sure == "a is the only optimizer."


def test_doubts_are_said():
    tried = [run(0.9, "a", 0, None, "tuning", {"learning_rate": rate}) for rate in (0.01, 0.1)]
    made = judged({"a": [0.90, 0.91, 0.92, MISS], "b": [0.1, MISS, 0.2, 0.1]})
    found = best(comparison([*made.runs, *tried]))
    assert found.sure.endswith(
        "1 of its 4 judging runs diverged or failed. Its rate lies at an edge of those tried, so a "
        "better one may lie beyond."
    )
    assert best(judged({"a": GOOD, "b": POOR}, tune="none")).sure.endswith(
        "Nothing was tuned, so this compares defaults."
    )


def test_optimizers_that_were_not_judged_are_named():
    found = best(judged({"a": GOOD, "b": POOR}, others=["c"]))
    assert found.name == "a" and found.sure.endswith("Without judging runs: c.")


def several(scores):
    """A comparison on tasks t0, t1, ... from the scores of each optimizer on each."""
    tasks = [subject(f"t{i}") for i in range(len(next(iter(scores.values()))))]
    runs = [
        run(value, name, seed, task)
        for name, of_tasks in scores.items()
        for task, values in zip(tasks, of_tasks)
        for seed, value in enumerate(values)
    ]
    return comparison(runs, *tasks)


def test_the_best_on_each_of_several_workloads():
    made = several({"a": [GOOD, GOOD], "b": [POOR, NEAR], "c": [NEAR, GOOD]})
    found = best(made)
    assert (found.name, found.tied) == ("a", ("c",))
    assert set(found.hyperparameters) == {"t0", "t1"}
    assert found.sure == (
        "a is the best, or tied with the best, on each of 2 workloads. So is c; the average rank "
        "decided."
    )
    assert best(made, ["t1"]).tied == ("c", "b")


def test_no_optimizer_is_the_best_on_each():
    found = best(several({"a": [GOOD, POOR, GOOD], "b": [POOR, GOOD, POOR]}))
    assert (found.name, found.tied) == ("a", ())
    assert found.sure == (
        "a is the best, or tied with the best, on 2 of 3 workloads, more often than others."
    )


def test_several_workloads_with_few_seeds_are_ordered_by_rank():
    found = best(several({"a": [[0.9], [0.5]], "b": [[0.8], [0.9]], "c": [[0.1], [0.8]]}))
    assert found.name == "b" and found.tied == ()
    assert "lowest average rank over 2 workloads" in found.sure


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize("tuned", [True, False])
def test_any_comparison_has_an_answer(seeds, tuned):
    made = synthetic.comparison(["lbfgs", "sgd", "adam", "muon"], seeds=seeds, tuned=tuned)
    found = best(made)
    assert found.name in made.optimizers and found.sure
