"""Rows of the main table by hand, and its columns."""

import math

import numpy as np
import pytest
from scipy import stats

from keras_optim.compare.analysis.columns import columns, shown
from keras_optim.compare.analysis.table import baseline, interval, rows
from tests.compare import synthetic
from tests.compare.analysis.made import COST, MISS, comparison, judged, run, subject
from tests.conftest import one_backend

pytestmark = one_backend


def row(made, name="a", workload="task"):
    return next(row for row in rows(made, workload) if row.optimizer == name)


def test_the_spread_of_scores():
    found = row(judged({"a": [0.8, 0.9, 0.94, 0.96, 0.99], "b": [0.1] * 5}))
    assert (found.place, found.seeds, found.misses, found.verdict) == (1, 5, 0, "best")
    assert found.mean == pytest.approx(0.918) and found.median == 0.94
    assert found.quartiles == pytest.approx((0.9, 0.96))
    values = [0.8, 0.9, 0.94, 0.96, 0.99]
    expected = stats.t.interval(0.95, 4, loc=np.mean(values), scale=stats.sem(values))
    assert found.interval == pytest.approx((expected[0], 1.0)) and expected[1] > 1.0


def test_the_interval_of_an_accuracy_ends_at_one():
    low, high = row(judged({"a": [0.9, 0.99, 0.999]})).interval
    assert high == 1.0 and low == pytest.approx(interval([0.9, 0.99, 0.999])[0])
    mae = subject(higher=False)
    assert row(judged({"a": [0.9, 0.99, 0.999]}, mae)).interval[1] > 1.0
    assert row(judged({"a": [0.0, 0.1, 0.9]}, mae)).interval[0] == 0.0


def test_two_seeds_have_no_interval():
    found = row(judged({"a": [0.8, 0.9, MISS], "b": [0.1] * 3}))
    assert np.isnan(found.interval).all() and np.isnan(found.quartiles).all()
    assert found.median == pytest.approx(0.85) and found.misses == 1
    assert all(map(math.isnan, interval([1.0, 2.0])))


def test_best_final_and_last_epochs_on_held_out_data():
    task = subject(epochs=7)
    curves = [[0, 0.1, 0.9, 0.3, 0.4, 0.5, 0.6, 0.7], [0, 0.1, 0.7, 0.3, 0.4, 0.5, 0.6, 0.5]]
    made = comparison([run(0.8, "a", s, task, curve=c) for s, c in enumerate(curves)], task)
    found = row(made)
    assert found.best == pytest.approx(0.8)
    assert found.final == pytest.approx(0.6)
    assert found.last == pytest.approx((0.5 + 0.46) / 2)


def test_few_epochs_are_all_last_and_none_is_before_training():
    made = comparison([run(0.8, curve=[100, 0.1, 0.2, 0.6])])
    assert row(made).last == pytest.approx(0.3)


def test_misses_are_infinite_times_to_target():
    task = subject(target=0.8)
    values = {"a": [0.9, 0.9, MISS], "b": [0.9, MISS, MISS]}
    found = {r.optimizer: r for r in rows(judged(values, task), "task")}
    assert found["a"].epochs_to_target == 1 and found["a"].steps_to_target == 10
    assert found["a"].seconds_to_target == 2
    assert found["b"].epochs_to_target == math.inf


@pytest.mark.parametrize("rate, edge", [(0.01, "lowest"), (0.1, ""), (1.0, "highest"), (None, "")])
def test_the_edge_of_all_rates_tried(rate, edge):
    """The highest diverged, but it was tried."""
    rates = {0.01: 0.5, 0.1: 0.6, 1.0: MISS}
    runs = [run(v, "a", 0, None, "tuning", {"learning_rate": r}) for r, v in rates.items()]
    chosen = {("task", "a"): {} if rate is None else {"learning_rate": rate}}
    found = row(comparison([*runs, run(0.9)], chosen=chosen))
    assert (found.edge, found.tuning_runs) == (edge, 3)
    assert found.hyperparameters == chosen["task", "a"]


def test_one_rate_has_no_edge():
    made = comparison([run(0.9, stage="tuning"), run(0.9)])
    assert row(made).edge == ""


def test_costs_relative_to_the_baseline():
    twice = {**COST, "step_seconds": 0.02}
    runs = [run(0.9, "b", 1, cost=twice), run(0.9, "Adam", 1), run(0.9, "Adam", 2)]
    made = comparison(runs)
    assert baseline(made) == "Adam"
    found = row(made, "b")
    assert found.relative_step == pytest.approx(2) and row(made, "Adam").relative_step == 1
    assert found.state_per_weight == 2 and found.compile_seconds == 1
    assert found.peak_megabytes == 3
    assert math.isnan(row(comparison(runs, quiet=False), "b").relative_step)
    assert baseline(comparison(runs[:1])) == "b"


def test_costs_that_were_not_measured():
    unmeasured = dict.fromkeys(COST, math.nan)
    found = row(comparison([run(0.9, cost=unmeasured), run(MISS, seed=2, cost={})]))
    for name in ("relative_step", "state_per_weight", "compile_seconds", "peak_megabytes"):
        assert math.isnan(getattr(found, name))


def test_costs_are_those_of_the_runs_that_measured_them():
    some = {**COST, "compile_seconds": math.nan}
    made = comparison([run(0.9), run(0.9, seed=2), run(0.9, seed=3, cost=some)])
    assert row(made).compile_seconds == 1


def test_columns_have_a_sentence_and_a_text_for_each_row():
    made = synthetic.comparison(["sgd", "adam", "lbfgs", "muon", "lion", "lamb"])
    for workload in made.subjects:
        found = columns(made, workload)
        assert len({column.heading for column in found}) == len(found)
        for column in found:
            assert column.meaning.endswith(".") and column.meaning[0].isupper()
            for line in rows(made, workload):
                text = column.text(line)
                assert "nan" not in text and (text or column.key == "edge")


def test_columns_that_cannot_be_filled_are_left_out():
    made = judged({"a": [0.9]}, tune="none", quiet=False)
    keys = {column.key for column in columns(made, "task")}
    assert not keys & {"edge", "tuning_runs", "relative_step", "epochs_to_target"}
    assert {column.key for column in columns(judged({"a": [0.9]}), "task")} > keys


def test_headings_name_the_data():
    def heading(**facts):
        task = subject(**facts)
        found = columns(judged({"a": [0.9]}, task), "task")
        return next(column.heading for column in found if column.key == "mean")

    assert heading() == "test accuracy"
    assert heading(higher=False, test=None) == "held-out mae"


@pytest.mark.parametrize(
    "value, form, text",
    [
        (0.94444, "{:.4g}", "0.9444"),
        (math.nan, "{:.4g}", "-"),
        (math.inf, "{:.4g}", "never"),
        ((math.nan, math.nan), "{:.4g}", "-"),
        ((0.5, 1.0), "{:.4g}", "0.5 to 1"),
        (3, "{:d}", "3"),
        ({}, "", "defaults"),
        ({"learning_rate": 1e-4, "nesterov": True}, "", "learning_rate=0.0001, nesterov=True"),
    ],
)
def test_values_for_a_reader(value, form, text):
    assert shown(value, form) == text


def test_numbers_are_aligned_to_the_right():
    by_key = {column.key: column for column in columns(judged({"a": [0.9]}), "task")}
    assert by_key["mean"].numeric and not by_key["verdict"].numeric
