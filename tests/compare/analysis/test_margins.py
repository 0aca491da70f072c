"""Margins: exact values for two optimizers, and simulations for many."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from keras_optim.compare.analysis.margins import critical, equal, errors, excess, noise
from tests.conftest import one_backend

pytestmark = one_backend


@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_two_optimizers_have_students_margin(seeds):
    """Their common effect is the mean of both, so a standard error is sqrt(1/2) of the pair's."""
    student = stats.t.ppf(0.975, seeds - 1)
    assert critical(seeds, 2) == pytest.approx(math.sqrt(2) * student, rel=0.03)  # 5000 draws


def test_many_seeds_of_equal_noise_have_tukeys_margin():
    values = equal(np.random.default_rng(1), 3000, 10, 60, spread=0)
    tukey = stats.studentized_range.ppf(0.95, 10, np.inf) / math.sqrt(2)
    assert np.quantile(excess(values).max(-1), 0.95) == pytest.approx(
        tukey, rel=0.06
    )  # 60 seeds are not infinitely many


@pytest.mark.parametrize("spread", [0, 0.25, 0.5])
@pytest.mark.parametrize("optimizers, seeds", [(3, 3), (20, 3), (80, 3), (20, 10)])
def test_equal_optimizers_are_rarely_told_apart(optimizers, seeds, spread):
    """In any claim at all, with a best that the data chose."""
    values = equal(np.random.default_rng(2), 1500, optimizers, seeds, spread)
    false = (excess(values).max(-1) > critical(seeds, optimizers)).mean()
    assert false < 0.068  # 5 % and three standard errors of 1500 comparisons
    assert spread < 0.5 or false > 0.033


def test_students_margin_with_holms_correction_would_claim_too_much():
    """The reason for a simulated margin."""
    values = equal(np.random.default_rng(3), 400, 80, 3)
    best = values.mean(-1).argmax(-1)
    pairs = np.take_along_axis(values, best[:, None, None], 1) - values
    own = pairs.std(-1, ddof=1)
    pooled = np.maximum(own, np.median(own, -1, keepdims=True))
    largest = (pairs.mean(-1) / pooled * math.sqrt(3)).max(-1)
    # Holm's first step decides whether there is any claim.
    assert (largest > stats.t.ppf(1 - 0.025 / 79, 2 * 79)).mean() > 0.4


@pytest.mark.parametrize("spread, power", [(0.25, 0.95), (0.5, 0.8)])
def test_three_seeds_of_eighty_tell_twelve_units_of_noise(spread, power):
    values = equal(np.random.default_rng(4), 500, 80, 3, spread)
    values[:, 0] -= 12
    assert (excess(values)[:, 0] > critical(3, 80)).mean() > power


def test_noise_by_hand():
    """Seeds that act on both alike leave no noise; else each has half of the difference."""
    alike = np.array([[1.0, 2.0, 6.0], [0.0, 1.0, 5.0]])
    assert noise(alike) == pytest.approx([0, 0])
    differing = np.array([[1.0, 2.0, 6.0], [0.0, 3.0, 3.0]])
    pair = np.std(differing[0] - differing[1], ddof=1)
    assert noise(differing) == pytest.approx([pair / 2, pair / 2])


def test_noise_is_at_least_the_median_and_keeps_what_is_larger():
    values = np.zeros((5, 3))
    values[:3] += [[0, 1, -1], [1, -1, 0], [-1, 0, 1]]  # their median at each seed is 0
    values[3] = [10, -10, 0]
    values[4] = 0.0
    assert noise(values) == pytest.approx([1, 1, 1, 10, 1])


def test_failing_optimizers_do_not_make_the_good_ones_look_quiet():
    generator = np.random.default_rng(5)
    good = 10 + generator.normal(size=(10, 3))
    failing = np.zeros((9, 3))
    assert noise(np.concatenate([good, failing]))[-1] > 0.3


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 12), st.integers(3, 6), st.integers(0, 99), st.floats(0.1, 10))
def test_noise_follows_the_unit_and_forgets_the_effect_of_seeds(optimizers, seeds, random, unit):
    generator = np.random.default_rng(random)
    values = generator.normal(size=(optimizers, seeds))
    moved = unit * values + generator.normal(size=seeds)
    assert noise(moved) == pytest.approx(unit * noise(values))
    assert excess(moved) == pytest.approx(excess(values))


def test_errors_add_both_noises():
    assert errors(np.array([3.0, 4.0]), np.array(0), 4) == pytest.approx([18**0.5 / 2, 2.5])


@pytest.mark.parametrize("seeds, optimizers", [(3, 1), (1, 5)])
def test_nothing_to_compare_has_no_margin(seeds, optimizers):
    assert math.isnan(critical(seeds, optimizers))


def test_more_seeds_and_fewer_optimizers_need_less():
    assert critical(3, 80) > critical(3, 20) > critical(5, 20) > critical(10, 20)
