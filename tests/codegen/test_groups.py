"""A model in which a kernel takes some variables only: the others cost themselves alone."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops

import keras_optim
from keras_optim.engine import torch_native
from tests.conftest import BACKEND
from tests.support.trajectories import (
    difference,
    gradients,
    numbers,
    run,
    starts,
    tensor,
    variables,
)

if BACKEND != "torch":
    pytest.skip("native steps belong to PyTorch", allow_module_level=True)

STEPS, VALUES = gradients(steps=5), starts()


class Whitened(keras_optim.Optimizer):
    """Divides matrices by a root of their squares: no kernel multiplies matrices."""

    slots = ("momentum",)
    shared = {"steps": 0.0}

    def pool(self, sums, s, t, lr):
        return {"steps": s["steps"] + 1.0}, {}

    def update(self, g, x, s, t, lr):
        m = 0.5 * s["momentum"] + g
        step = m @ ops.transpose(m) @ m if len(x.shape) == 2 else m
        return -lr * step / s["steps"], {"momentum": m}


def step_of(optimizer):
    [step] = optimizer.state.native.steps.values()
    return step


OPTIMIZERS = {
    "one rule": lambda **options: Whitened(0.01, **options),
    "routed": lambda **options: keras_optim.Route(
        {"x2": Whitened(keras_optim.schedules.Warmup(0.01, 3)), ".": keras_optim.Nadam(0.1)},
        **options,
    ),
    "wrapped": lambda **options: keras_optim.EMA(
        keras_optim.Lookahead(Whitened(0.01, weight_decay=0.1, **options), sync_period=2)
    ),
}
OPTIONS = {
    "plain": {},
    "accumulated": {"gradient_accumulation_steps": 2},
    "averaged": {"use_ema": True},
    "scaled": {"loss_scale_factor": 4.0, "clipnorm": 1.0},
}


CASES = [*itertools.product(OPTIMIZERS, OPTIONS)]
CASES.remove(("wrapped", "averaged"))  # EMA refuses a second average


@pytest.mark.parametrize(("name", "option"), CASES)
def test_it_is_the_step_of_single_operations(name, option, monkeypatch):
    mixed = OPTIMIZERS[name](**OPTIONS[option])
    path = run(mixed, VALUES, STEPS)
    for step in mixed.state.native.steps.values():
        assert step is not None
        if step.full:
            assert sorted(step.items) == [0, 1, 3]
    monkeypatch.setenv(torch_native.SETTING, "eager")
    eager = OPTIMIZERS[name](**OPTIONS[option])
    assert difference(run(eager, VALUES, STEPS), path) < 2e-6
    for ours, theirs in zip(mixed.variables, eager.variables, strict=True):
        np.testing.assert_allclose(*map(numbers, ([ours], [theirs])), rtol=2e-5, atol=1e-6)


def test_native_is_for_all_or_an_error(monkeypatch):
    monkeypatch.setenv(torch_native.SETTING, "native")
    with pytest.raises(RuntimeError, match="Whitened: KERAS_OPTIM_TORCH=native, but: "):
        run(Whitened(0.01), VALUES, STEPS)


@pytest.mark.parametrize("options", [{"global_clipnorm": 1.0}, {}], ids=["clipped", "skipping"])
def test_sums_over_all_variables_need_one_way_for_all(options, monkeypatch):
    def make():
        rule = Whitened(0.01, **options)
        return rule if options else keras_optim.SkipNonFinite(rule)

    together = make()
    path = run(together, VALUES, STEPS)
    assert step_of(together) is None
    monkeypatch.setenv(torch_native.SETTING, "eager")
    assert difference(run(make(), VALUES, STEPS), path) == 0.0


def test_any_of_the_variables_may_lack_a_gradient(monkeypatch):
    paths = []
    for setting in ("auto", "eager"):
        monkeypatch.setenv(torch_native.SETTING, setting)
        optimizer, xs = OPTIMIZERS["routed"](), variables(VALUES)
        optimizer.build(xs)
        for chosen in ([0, 1, 2, 3], [2, 0], [2], [0, 3], [3, 2, 1, 0]):
            optimizer.apply([tensor(STEPS[0][i]) for i in chosen], [xs[i] for i in chosen])
            paths.append(numbers(xs))
    assert difference(paths[:5], paths[5:]) < 2e-6


def test_constraints_and_odd_gradients_of_the_others(monkeypatch):
    paths = []
    for setting in ("auto", "eager"):
        monkeypatch.setenv(torch_native.SETTING, setting)
        optimizer, xs = OPTIMIZERS["routed"](), variables(VALUES)
        xs[2].constraint = keras.constraints.MaxNorm(0.5)
        for gs in STEPS:
            given = [tensor(g) for g in gs]
            given[2] = tensor(gs[2].T.copy()).T if setting == "auto" else given[2]
            optimizer.apply(given, xs)
            paths.append(numbers(xs))
        assert np.all(np.linalg.norm(numbers(xs)[2], axis=0) < 0.5 + 1e-6)
    assert difference(paths[:5], paths[5:]) < 2e-6


def test_variables_in_one_memory_are_left_to_keras():
    """Also if only one of them is in the kernel."""
    optimizer, xs = OPTIMIZERS["routed"](), variables(VALUES)
    optimizer.build(xs)
    xs[1]._value.data = xs[2]._value.data.view(-1)[:5]
    before = numbers(xs)
    optimizer.apply([tensor(g) for g in STEPS[0]], xs)
    [bound] = step_of(optimizer).calls.values()
    assert bound.call is None
    assert difference([numbers(xs)[:1]], [before[:1]]) > 0.0


def test_a_wrong_shape_is_named():
    optimizer, xs = OPTIMIZERS["routed"](), variables(VALUES)
    optimizer.apply([tensor(g) for g in STEPS[0]], xs)
    before = numbers(xs)
    wrong = [tensor(g) for g in STEPS[0]]
    wrong[2] = tensor(np.ones((2, 2)))
    with pytest.raises(ValueError, match="the gradient of x2 must have shape"):
        optimizer.apply(wrong, xs)
    assert difference([numbers(xs)], [before]) == 0.0
