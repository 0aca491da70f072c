"""Native steps are built once, and do not depend on the cache or on the number of threads."""

import keras
import numpy as np
import pytest
import torch

import keras_optim
from keras_optim.codegen import building, on_cpu
from keras_optim.engine import torch_native
from tests.codegen.test_steps import (
    OPERATION_BY_OPERATION,
    STEPS,
    VALUES,
    scale,
    trajectory,
)
from tests.support.catalog_cases import EVERY, make
from tests.support.passes import apply
from tests.support.trajectories import difference, run, tensor, variables


@pytest.mark.parametrize("name", ["adam", "lamb", "lookahead(adam)", "skipnonfinite(adam)"])
def test_one_build_for_a_rule(name, builds, monkeypatch):
    monkeypatch.setenv(torch_native.SETTING, "native")
    optimizer, xs = make(name), variables(VALUES)
    gs = [tensor(g) for g in STEPS[0]]
    apply(optimizer, gs, xs)
    assert builds() == 1
    optimizer.learning_rate = 0.5
    apply(optimizer, gs, xs)
    with pytest.warns(UserWarning, match="Gradients do not exist"):
        apply(optimizer, [gs[0], None, gs[2], gs[3]], xs)
    apply(optimizer, gs[1:3], xs[1:3])
    apply(optimizer, gs[::-1], xs[::-1])
    optimizer.iterations.assign(50)
    apply(optimizer, gs, xs)
    innermost = getattr(optimizer, "inner", optimizer)
    innermost.beta_1 = 0.7
    apply(optimizer, gs, xs)
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
    run(make(name, learning_rate=schedule), VALUES, STEPS)
    run(make(name, learning_rate=lambda: 0.3), VALUES[1:], [gs[1:] for gs in STEPS])
    assert builds() == 1


def test_one_build_for_a_model(builds, monkeypatch):
    """A ragged last batch, a frozen layer, a second optimizer, another model."""
    monkeypatch.setenv(torch_native.SETTING, "native")
    x = np.random.default_rng(0).normal(size=(20, 4)).astype("float32")
    for width in (3, 5):
        layers = [keras.layers.Dense(width), keras.layers.Dense(1)]
        model = keras.Sequential([keras.Input((4,)), *layers])
        model.compile(keras_optim.Adam(0.01 * width), "mse")
        model.fit(x, x[:, :1], batch_size=16, epochs=2, verbose=0)
        before = model.get_weights()
        model.layers[0].trainable = False
        model.fit(x, x[:, :1], batch_size=16, epochs=1, verbose=0)
        moved = [np.any(a != b) for a, b in zip(before, model.get_weights())]
        assert moved == [False, False, True, True]
    assert builds() == 1


def test_the_result_does_not_depend_on_the_cache(builds, monkeypatch):
    cold = trajectory("native", make("adam"), monkeypatch)
    building.forget()
    warm = trajectory("native", make("adam"), monkeypatch)
    assert builds() == 1
    assert difference(cold, warm) == 0.0


SUMMING = ("lamb", "adamp", "centralization(adam)", "adaptiveclipping(adam)")


def test_threads_do_not_change_it(monkeypatch):
    """Of sums they change the last bits; the same number of threads gives the same."""
    random = np.random.default_rng(0)
    values = [random.normal(size=n) for n in ((301, 167), (7,), (30_000,), (5, 3, 7))]
    steps = [[random.normal(size=v.shape) for v in values] for _ in range(3)]
    threads = torch.get_num_threads()
    paths = {}
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            for name in ("adam", *SUMMING):
                paths[name, count] = trajectory("native", make(name), monkeypatch, values, steps)
        again = {
            name: trajectory("native", make(name), monkeypatch, values, steps) for name in SUMMING
        }
    finally:
        torch.set_num_threads(threads)
    for count in (2, 3):
        assert difference(paths["adam", 1], paths["adam", count]) == 0.0
    for name in SUMMING:
        assert difference(paths[name, 3], again[name]) == 0.0
        expected = trajectory("eager", make(name), monkeypatch, values, steps)
        for count in (1, 2, 3):
            assert difference(paths[name, count], expected) < 1e-6


@pytest.mark.parametrize("name", [n for n in EVERY if n not in OPERATION_BY_OPERATION])
def test_threads_share_what_is_large(name, monkeypatch):
    """The largest of the variables is done by three threads, the others by one of them each."""
    monkeypatch.setattr(on_cpu, "ALONE", 0)
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        path = trajectory("native", make(name), monkeypatch, steps=STEPS[:4])
    finally:
        torch.set_num_threads(threads)
    expected = trajectory("eager", make(name), monkeypatch, steps=STEPS[:4])
    assert difference(path, expected) <= 1e-6 * scale(expected)
