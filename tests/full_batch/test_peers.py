"""Against scipy.optimize, torch.optim.LBFGS and optax.lbfgs: the same minimum, similar work.

Each comparison needs its library; without it, or on a backend where it may not be imported, it is
skipped. (SciPy runs on every backend, torch.optim on PyTorch, optax on JAX.)
"""

import keras
import numpy as np
import pytest
from keras import ops

from keras_optim import LBFGS, minimize
from tests.conftest import BACKEND
from tests.full_batch.functions import numbers, rosenbrock

pytestmark = pytest.mark.usefixtures("float64")

SCIPY = {"lbfgs": "L-BFGS-B", "conjugate_gradient": "CG", "truncated_newton": "Newton-CG"}


def needs(module, reason):
    return pytest.importorskip(module, reason=reason)


def cancer():
    """Breast cancer Wisconsin: 569 tumours, 30 standardised features, labels -1 and 1."""
    datasets = needs("sklearn.datasets", "scikit-learn has the data")
    x, y = datasets.load_breast_cancer(return_X_y=True)
    return (x - x.mean(axis=0)) / x.std(axis=0), 2.0 * y - 1.0


def logistic(penalty=1e-2):
    """L2-regularised logistic regression: the loss in Keras, its variable, and both in NumPy."""
    x, y = cancer()
    signed = np.c_[x, np.ones(len(x))] * y[:, None]
    rows = ops.convert_to_tensor(signed)
    w = keras.Variable(np.zeros(31), dtype="float64")

    def loss():
        margins = ops.einsum("ij,j->i", rows, w)
        return ops.sum(ops.softplus(-margins)) / len(x) + 0.5 * penalty * ops.sum(w**2)

    def in_numpy(w):
        margins = signed @ w
        gradient = -(signed.T @ (1 / (1 + np.exp(margins)))) / len(x) + penalty * w
        return np.logaddexp(0, -margins).mean() + 0.5 * penalty * w @ w, gradient

    def product(w, v):
        p = 1 / (1 + np.exp(signed @ w))
        return signed.T @ (p * (1 - p) * (signed @ v)) / len(x) + penalty * v

    return loss, w, in_numpy, product


@pytest.mark.parametrize("method", SCIPY)
def test_logistic_regression_as_in_scipy(method):
    optimize = needs("scipy.optimize", "SciPy is the reference")
    loss, w, in_numpy, product = logistic()
    options = {
        "lbfgs": {"gtol": 1e-8, "ftol": 1e-16},
        "conjugate_gradient": {"gtol": 1e-8},
        "truncated_newton": {"xtol": 1e-9},
    }[method]
    theirs = optimize.minimize(
        in_numpy, np.zeros(31), jac=True, method=SCIPY[method],
        options={"maxiter": 2000, **options},
        **({"hessp": product} if method == "truncated_newton" else {}),
    )  # fmt: skip
    ours = minimize(
        loss, variables=[w], method=method, max_iterations=2000, gradient_tolerance=1e-8,
        value_tolerance=0,
    )  # fmt: skip
    assert ours.converged
    assert abs(ours.value - theirs.fun) < 1e-12
    np.testing.assert_allclose(numbers(w), theirs.x, atol=3e-6)
    value, gradient = in_numpy(numbers(w))
    assert ours.value == pytest.approx(value, rel=1e-12)
    assert ours.gradient_norm == pytest.approx(np.abs(gradient).max(), abs=1e-14)
    work = theirs.nfev + theirs.get("nhev", 0)
    print(method, "logistic", ours.evaluations, work)
    assert ours.evaluations <= 1.5 * work


@pytest.mark.parametrize("method", SCIPY)
def test_the_valley_as_in_scipy(method):
    optimize = needs("scipy.optimize", "SciPy is the reference")
    start = np.zeros(10)
    theirs = optimize.minimize(
        optimize.rosen, start, jac=optimize.rosen_der, method=SCIPY[method],
        **({"hessp": optimize.rosen_hess_prod} if method == "truncated_newton" else {}),
    )  # fmt: skip
    loss, x = rosenbrock(start)
    ours = minimize(loss, variables=[x], method=method, max_iterations=2000)
    np.testing.assert_allclose(numbers(x), theirs.x, atol=1e-4)
    work = theirs.nfev + theirs.get("nhev", 0)
    print(method, "valley", ours.evaluations, work)
    assert ours.evaluations <= 1.5 * work


@pytest.mark.skipif(BACKEND != "torch", reason="torch.optim needs the PyTorch backend")
@pytest.mark.parametrize("problem", ["valley", "logistic"])
def test_lbfgs_as_in_torch(problem):
    import torch

    loss, x = rosenbrock() if problem == "valley" else logistic()[:2]
    ours = minimize(loss, variables=[x], gradient_tolerance=1e-8, value_tolerance=0)
    found = numbers(x)
    x.assign([-1.2, 1.0] if problem == "valley" else np.zeros(31))
    theirs = torch.optim.LBFGS(
        [x.value], max_iter=500, history_size=10, tolerance_grad=1e-8, tolerance_change=0.0,
        line_search_fn="strong_wolfe",
    )  # fmt: skip
    calls = []

    def closure():
        theirs.zero_grad()
        value = loss()
        value.backward()
        calls.append(float(value.detach()))
        return value

    theirs.step(closure)
    print(problem, ours.evaluations, len(calls))
    np.testing.assert_allclose(found, numbers(x), atol=1e-6)
    assert ours.value == pytest.approx(min(calls), abs=1e-12)
    assert ours.evaluations <= 1.5 * len(calls)


@pytest.mark.skipif(BACKEND != "jax", reason="optax needs the JAX backend")
@pytest.mark.parametrize("problem", ["valley", "logistic"])
def test_lbfgs_as_in_optax(problem):
    optax = needs("optax", "optax.lbfgs is the reference")
    import jax

    loss, x = rosenbrock() if problem == "valley" else logistic()[:2]
    start = numbers(x)
    ours = minimize(loss, variables=[x], method=LBFGS(10), gradient_tolerance=1e-8,
                    value_tolerance=0)  # fmt: skip
    calls = []

    def value(w):
        jax.debug.callback(lambda: calls.append(1))
        with keras.StatelessScope([(x, w)]):
            return loss()

    theirs = optax.lbfgs(memory_size=10)
    both = optax.value_and_grad_from_state(value)
    w, state = jax.numpy.asarray(start), theirs.init(jax.numpy.asarray(start))

    @jax.jit
    def step(w, state):
        f, g = both(w, state=state)
        updates, state = theirs.update(g, state, w, value=f, grad=g, value_fn=value)
        return optax.apply_updates(w, updates), state, g

    gradient = np.array([np.inf])
    while np.abs(gradient).max() > 1e-8 and len(calls) < 2000:
        w, state, gradient = step(w, state)
        jax.effects_barrier()
    print(problem, ours.evaluations, len(calls))
    np.testing.assert_allclose(numbers(x), np.asarray(w), atol=1e-6)
    assert ours.evaluations <= 1.5 * len(calls)
