"""The native step of an optimizer: which there are, and that they are the rule's own."""

import numpy as np
import pytest
import torch

import keras_optim
from keras_optim.contract import layers
from keras_optim.engine import torch_native
from tests.support.catalog_cases import CONFIGURED, EVERY, make, rule_of
from tests.support.passes import apply
from tests.support.trajectories import (
    difference,
    gradients,
    numbers,
    run,
    starts,
    tensor,
    variables,
)

STEPS, VALUES = gradients(steps=8), starts()

REASONS = {name: rule_of(name.partition("(")[0]).no_kernel for name in EVERY}
OPERATION_BY_OPERATION = {name: reason for name, reason in REASONS.items() if reason}


def no_kernel(optimizer):
    """Why some rule of it has no kernel; the arguments may decide that."""
    return next((rule.no_kernel for rule in layers(optimizer) if rule.no_kernel), "")


def trajectory(setting, optimizer, monkeypatch, values=VALUES, steps=STEPS, **kwargs):
    monkeypatch.setenv(torch_native.SETTING, setting)
    return run(optimizer, values, steps, **kwargs)


def native(optimizer):
    """Whether the last step was made natively, for all variables."""
    steps = filter(None, optimizer.state.native.steps.values())
    return any(len(step.items) == len(step.variables) for step in steps)


def scale(path):
    return max(np.nanmax(np.abs(x), initial=1.0) for p in path for x in p)


# ---- which path each takes


def test_the_table_names_what_there_is():
    assert set(OPERATION_BY_OPERATION) < set(EVERY)


def test_a_gradient_in_the_memory_of_a_variable_is_copied(monkeypatch):
    """The loop may assume that nothing it reads is something else that it writes."""
    ends = []
    for setting in ("native", "eager"):
        monkeypatch.setenv(torch_native.SETTING, setting)
        optimizer, [x] = keras_optim.SGD(0.1, momentum=0.9), variables([np.arange(5.0)])
        for _ in range(3):
            optimizer.apply([x.value.detach()], [x])
        ends.append(numbers([x]))
        if native(optimizer):
            [bound] = optimizer.state.native.steps[True].calls.values()
            assert bound._found([x.value.detach()]) is None
            assert bound._found([x.value.detach().clone()])
    assert difference(ends[:1], ends[1:]) < 1e-6


def test_a_gradient_that_begins_before_a_variable_is_copied(monkeypatch):
    """Each number of it is the weight before, which the loop has written by then."""
    ends = []
    for setting in ("native", "eager"):
        monkeypatch.setenv(torch_native.SETTING, setting)
        optimizer, [x] = keras_optim.SGD(0.1), variables([np.arange(1000.0)])
        for _ in range(2):
            room = torch.cat([torch.ones(1), x._value.detach()])
            x._value.data = room[1:]
            optimizer.apply([room[:-1]], [x])
        ends.append(numbers([x]))
    assert difference(ends[:1], ends[1:]) < 1e-3


@pytest.mark.parametrize(("name", "case"), CONFIGURED)
def test_the_path_and_the_numbers_of_every_optimizer(name, case, monkeypatch):
    """As the rule, operation by operation, to 1e-6; with a decay that skips one variable."""

    def build():
        optimizer = make(name, weight_decay=0.1, **case)
        optimizer.exclude_from_weight_decay(var_names=["x1"])
        return optimizer

    optimizer = build()
    path = trajectory("auto", optimizer, monkeypatch)
    assert native(optimizer) == (not no_kernel(optimizer))
    expected = trajectory("eager", build(), monkeypatch)
    assert difference(path, expected) <= 1e-6 * scale(expected)


@pytest.mark.parametrize(
    ("name", "case"), [p for p in CONFIGURED if not no_kernel(make(p.values[0], **p.values[1]))]
)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e-42, 0.0])
def test_odd_gradients_do_what_they_do_in_the_rule(name, case, bad, monkeypatch):
    steps = [[g.copy() for g in gs] for gs in STEPS[:3]]
    for gs in steps:
        gs[1][0] = gs[2][1, 1] = gs[3][0, 0, 0, 0] = bad
    path, expected = (
        trajectory(setting, make(name, **case), monkeypatch, steps=steps)
        for setting in ("native", "eager")
    )
    for ours, theirs in zip(path[-1], expected[-1]):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)


OPTIONS = [
    {"clipnorm": 0.5},
    {"clipvalue": 0.3},
    {"global_clipnorm": 0.5},
    {"loss_scale_factor": 4.0},
    {"use_ema": True, "ema_momentum": 0.5},
    {"use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 3},
    {"gradient_accumulation_steps": 3},
    {"gradient_accumulation_steps": 2, "use_ema": True, "ema_overwrite_frequency": 2,
     "clipnorm": 1.0, "loss_scale_factor": 2.0, "weight_decay": 0.1},
]  # fmt: skip


@pytest.mark.parametrize("name", ["adam", "lamb", "skipnonfinite(adam)"])
@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "-".join(options))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_options_of_keras_are_part_of_it(name, options, dtype, monkeypatch):
    optimizers = [make(name, learning_rate=0.1, **options) for _ in range(2)]
    path, expected = (
        trajectory(setting, optimizer, monkeypatch, dtype=dtype)
        for setting, optimizer in zip(("native", "eager"), optimizers)
    )
    assert native(optimizers[0]) and not native(optimizers[1])
    # To clip by a norm, Keras rounds it to single precision, whatever the variables are.
    single = dtype == "float32" or any("clipnorm" in option for option in options)
    assert difference(path, expected) <= (1e-6 if single else 1e-14) * scale(path)
    for ours, theirs in zip(optimizers[0].variables, optimizers[1].variables):
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=2e-6, atol=1e-6)


def test_clipping_by_an_infinite_norm_is_that_of_keras(monkeypatch):
    steps = [[g * np.inf if g.ndim == 1 else g for g in STEPS[0]]]
    for option in ("clipnorm", "global_clipnorm", "clipvalue"):
        with np.errstate(invalid="ignore"):
            path, expected = (
                trajectory(s, make("sgd", **{option: 1.0}), monkeypatch, steps=steps)
                for s in ("native", "eager")
            )
        for ours, theirs in zip(path[-1], expected[-1]):
            np.testing.assert_allclose(ours, theirs, rtol=1e-6)


@pytest.mark.parametrize("name", EVERY)
def test_the_state_is_that_of_the_class_and_stays_where_it_is(name):
    optimizer, xs = make(name), variables(VALUES)
    optimizer.build(xs)
    before = [(v.path, v._value.data_ptr()) for v in (*xs, *optimizer.variables)]
    apply(optimizer, [tensor(g) for g in STEPS[0]], xs)
    assert [(v.path, v._value.data_ptr()) for v in (*xs, *optimizer.variables)] == before


def test_half_precision_goes_operation_by_operation():
    """With gradients in float32, which a kernel would have to round. Others: test_half.py."""
    optimizer, xs = make("adam"), variables([np.ones(3)], "bfloat16")
    optimizer.build(xs)
    for dtype, natively in (("float32", False), ("bfloat16", True)):
        assert optimizer.state.native.apply(optimizer, [tensor(np.ones(3), dtype)], xs) == natively
