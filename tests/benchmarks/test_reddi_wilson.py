"""The two problems of papers against their exact values and against NumPy."""

import numpy as np
import pytest

from benchmarks.toys import reddi, wilson
from tests.conftest import BACKEND, one_backend


def in_numpy(name, steps, correction="at the end", beta_1=0.9, beta_2=0.99):
    """The path of Adam or AMSGrad, written from the papers.

    AMSGrad has Adam's bias correction after the maximum, before it ("inside"), or none.
    """
    x = m = v = largest = 0.0
    path = [x]
    for t in range(1, steps + 1):
        g = 1010.0 if t % 101 == 1 else -10.0
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g * g
        seen = v / (1 - beta_2**t) if correction == "inside" else v
        largest = max(largest, seen) if name == "amsgrad" else seen
        root = np.sqrt(largest / (1 - beta_2**t) if correction == "at the end" else largest)
        first = m if correction == "none" else m / (1 - beta_1**t)
        x = min(1.0, max(-1.0, x - first / root / np.sqrt(t)))
        path.append(x)
    return np.array(path)


@pytest.mark.parametrize("name", reddi.NAMES)
def test_reddi_is_the_path_in_numpy(name):
    [run] = reddi.runs([name], steps=1500)
    np.testing.assert_allclose(run.path, in_numpy(name, 1500), atol=2e-4)


@pytest.mark.skipif(BACKEND != "jax", reason="50,000 steps take long without JAX's compiled loop")
def test_reddi_at_the_papers_length():
    adam, amsgrad = reddi.runs()
    assert round(adam.end, 3) == round(in_numpy("adam", reddi.STEPS)[-1], 3) == 0.987
    assert round(amsgrad.end, 3) == round(in_numpy("amsgrad", reddi.STEPS)[-1], 3) == -0.989
    assert adam.regret[-1] > reddi.WORST_REGRET > 0  # it also had to come from 0


@one_backend
def test_reddi_with_the_corrections_of_others():
    """The figures in the docstring of `reddi`."""
    ends = {c: round(in_numpy("amsgrad", reddi.STEPS, c)[-1], 3) for c in ("inside", "none")}
    assert ends == {"inside": -0.997, "none": -0.818}


def test_average_regret_at_the_worst_point():
    stays = reddi.Run("none", np.ones(101 * 40 + 1))
    assert round(reddi.WORST_REGRET, 5) == 0.19802
    assert abs(stays.regret[-1] - reddi.WORST_REGRET) < 1e-12
    assert np.all(reddi.Run("none", np.full(500, reddi.BEST)).regret == 0)


@pytest.mark.parametrize("name", ["adam", "adagrad", "rmsprop"])
def test_wilson_adaptive_weights_have_one_size(name):
    found = wilson.solutions([name])[name]
    np.testing.assert_allclose(np.abs(found.weights), 0.25, atol=3e-3)
    assert found.accuracy == wilson.POSITIVE


@pytest.mark.parametrize("name", ["sgd", "sgd[momentum=0.9]"])
def test_wilson_gradient_descent_finds_the_least_norm(name):
    found = wilson.solutions([name])[name]
    np.testing.assert_allclose(found.weights, wilson.least_norm(), atol=1e-6)
    assert found.accuracy == 1 and found.loss < 1e-12


def test_wilson_accuracy_is_that_of_drawn_examples():
    """The closed form against new examples with features of their own."""
    features, labels = wilson.training()
    fresh = np.hstack([features[:, : wilson.SHARED], np.zeros((len(labels), 440))])
    for weights in (np.full(443, 0.25), wilson.least_norm(), np.array([-1.0, *[0.1] * 442])):
        right = np.mean(np.sign(fresh @ weights) == labels)
        assert abs(wilson.accuracy(weights) - right) < 1e-12
