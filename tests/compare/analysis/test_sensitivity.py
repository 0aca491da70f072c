"""Regions of good rates on curves made by hand."""

import math

import pytest

from keras_optim.compare.analysis.sensitivity import sensitivity
from tests.compare import synthetic
from tests.compare.analysis.made import MISS, comparison, run, subject
from tests.conftest import one_backend

pytestmark = one_backend
MAE = subject(higher=False)


def curve(values, task=MAE, **options):
    """The sensitivity of a curve from rates to values."""
    runs = [run(v, "a", 0, task, "tuning", {"learning_rate": r}) for r, v in values.items()]
    return sensitivity(comparison(runs, task), "task", **options)["a"]


def test_the_region_ends_where_the_error_is_a_tenth_above_the_best():
    """The line rises from 1 to 1.4 in a decade, so it meets 1.1 after a quarter of one."""
    found = curve({0.001: 3.0, 0.01: 1.4, 0.1: 1.0, 1.0: 1.2})
    assert found.rates == (0.001, 0.01, 0.1, 1.0) and found.values == (3.0, 1.4, 1.0, 1.2)
    assert found.best == 0.1
    assert found.low == pytest.approx(10**-1.25) and found.high == pytest.approx(10**-0.5)
    assert found.width == pytest.approx(0.75)
    assert not found.at_least


def test_an_edge_makes_the_width_a_lower_bound():
    found = curve({0.01: 1.05, 0.1: 1.0, 1.0: 2.0})
    assert found.low == 0.01 and found.low_open and not found.high_open and found.at_least
    assert curve({0.1: 1.0, 1.0: 1.05}).high_open


def test_a_good_rate_beyond_a_bad_one_does_not_count():
    found = curve({0.001: 1.0, 0.01: 9.0, 0.1: 0.99})
    assert found.best == 0.1 and found.low > 0.05


def test_the_region_ends_before_a_miss():
    found = curve({0.01: 1.0, 0.1: 1.05, 1.0: MISS})
    assert found.high == 0.1 and not found.high_open
    assert math.isnan(found.values[2])


def test_a_share_has_the_error_one_less_the_share():
    """An error of .2 may become .22, which is .78; one example of 1000 less matters less."""
    task = subject(validation=1000)
    found = curve({0.1: 0.7, 1.0: 0.8, 10.0: 0.78}, task)
    assert found.low == pytest.approx(10**-0.2)
    assert found.high == 10 and found.high_open


def test_one_example_less_is_as_good():
    """Of 50 examples; a tenth of the error .04 would be a fifth of an example."""
    found = curve({0.1: 0.94, 1.0: 0.96, 10.0: 0.92}, subject(validation=50))
    assert found.low == 0.1 and found.high == pytest.approx(10**0.5)


def test_a_metric_beyond_one_is_measured_by_its_size():
    """As of a signal-to-noise ratio in dB: 27 is a tenth below 30."""
    found = curve({0.1: 24.0, 1.0: 30.0, 10.0: 28.0}, subject())
    assert found.low == pytest.approx(10**-0.5) and found.high_open


def test_the_best_run_at_a_rate_counts():
    runs = [
        run(value, "a", 0, MAE, "tuning", {"learning_rate": 0.1, "momentum": momentum})
        for momentum, value in {0.0: 3.0, 0.9: 1.0, 0.99: MISS}.items()
    ]
    found = sensitivity(comparison(runs, MAE), "task")["a"]
    assert found.rates == (0.1,) and found.values == (1.0,)


@pytest.mark.parametrize("values", [{0.1: MISS, 1.0: MISS}, {}])
def test_without_any_value_there_is_no_region(values):
    runs = [run(v, "a", 0, MAE, "tuning", {"learning_rate": r}) for r, v in values.items()]
    runs += [run(1.0, "a", 1, MAE), run(1.0, "b", 0, MAE, "tuning", {})]
    found = sensitivity(comparison(runs, MAE), "task")
    assert math.isnan(found["a"].best) and math.isnan(found["a"].width)
    assert found["b"].rates == () and not found["b"].at_least


def test_a_wider_tolerance_never_narrows():
    made = synthetic.comparison(12)
    narrow, wide = (sensitivity(made, "housing", tolerance=t) for t in (0.05, 0.3))
    for name in made.optimizers:
        assert narrow[name].low >= wide[name].low and narrow[name].high <= wide[name].high
        assert narrow[name].low <= narrow[name].best <= narrow[name].high
        assert narrow[name].best == made.chosen["housing", name]["learning_rate"]
