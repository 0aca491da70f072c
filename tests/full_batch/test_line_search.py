"""The line search: the strong Wolfe conditions hold wherever it says so."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from keras_optim.full_batch.line_search import Trial, cubic_minimum, strong_wolfe
from tests.conftest import one_backend

pytestmark = one_backend


def along(value, slope):
    """`phi` from a function and its derivative; keeps the lengths it was asked for."""

    def phi(length):
        phi.lengths.append(length)
        return Trial(length, value(length), slope(length))

    phi.lengths = []
    return phi


def meets(start, found, decrease, curvature):
    low = found.value <= start.value + decrease * found.length * start.slope
    return low and abs(found.slope) <= curvature * abs(start.slope)


waves = st.lists(
    st.tuples(st.floats(-3, 3), st.floats(0.2, 5), st.floats(-math.pi, math.pi)), max_size=4
)


@given(
    waves=waves,
    bowl=st.floats(0.01, 10),
    centre=st.floats(-5, 5),
    first=st.floats(1e-3, 1e3),
    constants=st.sampled_from([(1e-4, 0.9), (1e-4, 0.1), (0.1, 0.2), (1e-4, 0.01)]),
)
@settings(max_examples=400, deadline=None)
def test_strong_wolfe_holds_on_random_smooth_functions(waves, bowl, centre, first, constants):
    """A bowl with waves: bounded below, so that there always is such a point."""

    def value(a):
        return bowl * (a - centre) ** 2 + sum(h * math.sin(w * a + p) for h, w, p in waves)

    def slope(a):
        return 2 * bowl * (a - centre) + sum(h * w * math.cos(w * a + p) for h, w, p in waves)

    phi = along(value, slope)
    start = phi(0.0)
    assume(start.slope < -1e-3)
    found = strong_wolfe(phi, start, first, *constants)
    assert found is not None and found.length > 0
    assert meets(start, found, *constants)
    assert len(phi.lengths) <= 31


FUNCTIONS = {
    # The first two are from Moré, Thuente, "Line search algorithms with guaranteed sufficient
    # decrease", 1994, (5.1) and (5.2).
    "rational": (lambda a: -a / (a**2 + 2), lambda a: (a**2 - 2) / (a**2 + 2) ** 2),
    "power": (
        lambda a: (a + 0.004) ** 5 - 2 * (a + 0.004) ** 4,
        lambda a: 5 * (a + 0.004) ** 4 - 8 * (a + 0.004) ** 3,
    ),
    "steep": (lambda a: math.exp(-a) + 1e-3 * a, lambda a: -math.exp(-a) + 1e-3),
}


@pytest.mark.parametrize("first", [1e-3, 1e-1, 1e1, 1e3])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_hard_functions_from_far_too_short_and_too_long(name, first):
    phi = along(*FUNCTIONS[name])
    start = phi(0.0)
    found = strong_wolfe(phi, start, first, 1e-4, 0.1)
    assert meets(start, found, 1e-4, 0.1)
    assert len(phi.lengths) < 16


@pytest.mark.parametrize("first", [0.01, 0.5, 4.9, 5.1, 60.0])
def test_a_parabola_takes_few_trials_to_its_minimum(first):
    """Cubic interpolation is exact for it; but one trial goes at most 10 times as far."""
    phi = along(lambda a: (a - 5) ** 2, lambda a: 2 * (a - 5))
    found = strong_wolfe(phi, phi(0.0), first, 1e-4, 1e-9)
    assert found.length == pytest.approx(5.0, abs=1e-8)
    assert len(phi.lengths) <= 5


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_counts_as_too_high(bad):
    phi = along(
        lambda a: a * a - 3 * a if a < 2 else bad, lambda a: 2 * a - 3 if a < 2 else math.nan
    )
    start = phi(0.0)
    found = strong_wolfe(phi, start, 1000.0, 1e-4, 0.9)
    assert found.length < 2 and meets(start, found, 1e-4, 0.9)


def test_no_lower_point_is_none():
    uphill = along(lambda a: a, lambda a: -1.0)  # a gradient that lies
    assert strong_wolfe(uphill, Trial(0.0, 0.0, -1.0), 1.0) is None
    assert len(uphill.lengths) == 30
    nowhere = along(lambda a: math.nan, lambda a: math.nan)
    assert strong_wolfe(nowhere, Trial(0.0, 0.0, -1.0), 1.0, evaluations=5) is None
    assert nowhere.lengths == [1.0, 0.5, 0.25, 0.125, 0.0625]


def test_the_lowest_is_returned_where_none_is_flat_enough():
    forever = along(lambda a: -a, lambda a: -1.0)
    found = strong_wolfe(forever, forever(0.0), 1.0, evaluations=4)
    assert found.length == 1000.0
    kink = along(lambda a: abs(a - 1.3), lambda a: float(np.sign(a - 1.3)))
    found = strong_wolfe(kink, kink(0.0), 1.0, 1e-4, 0.5, evaluations=25)
    assert found.value == min(abs(length - 1.3) for length in kink.lengths)


def test_noise_is_tolerated_up_to_its_size_and_the_slope_decides():
    """In single precision the last steps change the value by less than it can show."""
    phi = along(lambda a: 1.0 + 1e-7 * (a > 0), lambda a: 2e-8 * (a - 1) ** 3)
    start = phi(0.0)
    assert strong_wolfe(phi, start, 3.0, 1e-4, 0.1) is None
    found = strong_wolfe(phi, start, 3.0, 1e-4, 0.1, noise=2e-7)
    assert abs(found.slope) <= 0.1 * abs(start.slope)
    assert strong_wolfe(phi, start, 3.0, 1e-4, 0.1, noise=5e-8) is None


def test_no_time_is_lost_below_the_noise():
    phi = along(lambda a: 1.0 + 1e-3 * (a > 0), lambda a: -1e-9)
    assert strong_wolfe(phi, Trial(0.0, 1.0, -1e-9), 1.0, noise=1e-6) is None
    assert len(phi.lengths) == 1


@given(st.floats(-3, 3), st.floats(0.1, 3), st.floats(-5, 5), st.floats(0.1, 5))
def test_the_cubic_is_exact_for_a_cubic(third, second, at, span):
    """Its lower stationary point, from any two points and in either order."""

    def value(a):
        return third * a**3 / 3 + second * a**2 / 2

    def slope(a):
        return third * a**2 + second * a

    a, b = (Trial(x, value(x), slope(x)) for x in (at, at + span))
    assume(abs(a.slope - b.slope) > 1e-2)
    for guess in (cubic_minimum(a, b), cubic_minimum(b, a)):
        assert abs(guess) < 1e-6


def test_no_cubic_minimum():
    falling = [Trial(x, -x, -1.0) for x in (0.0, 1.0)]
    assert math.isnan(cubic_minimum(*falling)) and math.isnan(cubic_minimum(falling[0], falling[0]))
    assert math.isnan(cubic_minimum(falling[0], Trial(1.0, math.inf, 1.0)))
