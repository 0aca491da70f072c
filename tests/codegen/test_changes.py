"""What a native step looks after, when it steps aside, and the setting that chooses."""

import copy
import pickle
import warnings

import keras
import numpy as np
import pytest
import torch

import keras_optim
from keras_optim.codegen import building
from keras_optim.engine import torch_native
from tests.codegen.test_steps import (
    STEPS,
    VALUES,
    native,
    trajectory,
)
from tests.support.catalog_cases import make
from tests.support.trajectories import difference, numbers, run, tensor, variables

# ---- what is looked after in each step


def pair(name="adam", **options):
    """Two optimizers, native and not, with their variables."""
    found = []
    for setting in ("native", "eager"):
        optimizer, xs = make(name, **options), variables(VALUES)
        optimizer.build(xs)
        found.append((setting, optimizer, xs))
    return found


def step(monkeypatch, pairs, gs, change=lambda optimizer, xs: None):
    """The same step by both, after `change`; they must agree."""
    for setting, optimizer, xs in pairs:
        monkeypatch.setenv(torch_native.SETTING, setting)
        change(optimizer, xs)
        optimizer.apply([g() if callable(g) else g for g in gs], xs)
    (_, _, ours), (_, _, theirs) = pairs
    assert difference([numbers(ours)], [numbers(theirs)]) < 2e-6


def test_gradients_of_every_kind(monkeypatch):
    pairs = pair()
    plain = [tensor(g) for g in STEPS[0]]
    step(monkeypatch, pairs, plain)
    bound = next(iter(pairs[0][1].state.native.steps[True].calls.values()))
    native_calls = []
    inner = bound.call
    bound.call = lambda leading: (native_calls.append(1), inner(leading))
    kinds = [
        [g.double() for g in plain],
        [g.bfloat16() for g in plain],
        [g.numpy() for g in plain],
        [torch.nn.Parameter(g) for g in plain],
        [torch.stack([g, g], -1)[..., 0] for g in plain],
        [torch.ones(()).expand(g.shape) for g in plain],
        [plain[0], plain[1], plain[2].to_sparse(), plain[3]],
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # sparse tensors are not checked
        for gs in kinds:
            step(monkeypatch, pairs, gs)
    assert len(native_calls) == len(kinds)


def test_a_gradient_of_a_wrong_shape_is_not_read(monkeypatch):
    for _, optimizer, xs in pair():
        optimizer.apply([tensor(g) for g in STEPS[0]], xs)
        wrong = [tensor(g) for g in STEPS[0]]
        wrong[1] = torch.ones(3)
        with pytest.raises((RuntimeError, ValueError)):
            optimizer.apply(wrong, xs)


def test_what_the_user_changes_between_steps(monkeypatch):
    """Step count, rates, weights, state, hyper-parameters."""
    pairs = pair(weight_decay=0.01)
    gs = [tensor(g) for g in STEPS[0]]
    schedule = keras.optimizers.schedules.CosineDecay(0.5, 100)

    def moved(optimizer, xs):
        xs[1]._value.data = xs[1]._value.data.clone() + 1.0

    changes = [
        lambda optimizer, xs: None,
        lambda optimizer, xs: optimizer.iterations.assign(50),
        lambda optimizer, xs: setattr(optimizer, "learning_rate", 0.3),
        lambda optimizer, xs: setattr(optimizer, "beta_2", 0.5),
        lambda optimizer, xs: setattr(optimizer, "weight_decay", 0.5),
        lambda optimizer, xs: setattr(optimizer, "clipnorm", 0.1),
        lambda optimizer, xs: [x.assign(x * 2.0) for x in xs],
        moved,
        lambda optimizer, xs: optimizer.set_weights([v.numpy() for v in optimizer.variables]),
        lambda optimizer, xs: setattr(xs[2], "constraint", None),
        lambda optimizer, xs: setattr(optimizer, "learning_rate", schedule),
        lambda optimizer, xs: None,
    ]
    for change in changes:
        step(monkeypatch, pairs, gs, change)
        assert native(pairs[0][1])
    assert int(pairs[0][1].iterations.numpy()) == 50 + len(changes) - 1


def test_constraints(monkeypatch):
    pairs = pair("sgd", learning_rate=10.0)
    for _, _, xs in pairs:
        xs[1].constraint = keras.constraints.NonNeg()
    step(monkeypatch, pairs, [tensor(g) for g in STEPS[0]])
    assert native(pairs[0][1])
    assert numbers(pairs[0][2])[1].min() == 0.0


def test_recording_is_part_of_it(monkeypatch):
    from keras_optim.engine import norms

    pairs = pair()
    gs = [tensor(g) for g in STEPS[0]]
    step(monkeypatch, pairs, gs)
    step(monkeypatch, pairs, gs, lambda optimizer, xs: norms.start(optimizer))
    ours, theirs = (norms.last(optimizer) for _, optimizer, _ in pairs)
    assert native(pairs[0][1])
    assert ours == pytest.approx(theirs, rel=1e-5)
    assert ours["update_norm"] > 0


def test_torch_learns_that_the_weights_changed(monkeypatch):
    [(_, optimizer, xs), _] = pair()
    loss = (xs[2]._value ** 2).sum()
    optimizer.apply([tensor(g) for g in STEPS[0]], xs)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_copies_hold_no_addresses():
    [(_, optimizer, xs), _] = pair()
    gs = [tensor(g) for g in STEPS[0]]
    optimizer.apply(gs, xs)
    for again in (copy.deepcopy, lambda plan: pickle.loads(pickle.dumps(plan))):
        assert again(optimizer.state.native).steps == {}


# ---- stepping aside


def test_in_a_stateless_scope():
    [(_, optimizer, xs), (_, other, ys)] = pair()
    gs = [tensor(g) for g in STEPS[0]]
    optimizer.apply(gs, xs)
    other.apply(gs, ys)
    before = numbers(ys)
    state = [v.value for v in other.variables]
    new, _ = other.stateless_apply(state, gs, [y.value for y in ys])
    assert difference([numbers(ys)], [before]) == 0.0
    optimizer.apply(gs, xs)
    assert difference([numbers(xs)], [numbers(new)]) < 1e-6


def test_in_a_compiled_step_the_rule_is_traced_without_breaks():
    [(_, optimizer, xs), (_, other, ys)] = pair()
    gs = [tensor(g) for g in STEPS[0]]
    compiled = torch.compile(lambda: other.apply(gs, ys), backend="eager", fullgraph=True)
    for _ in range(2):
        optimizer.apply(gs, xs)
        compiled()
    assert native(optimizer) and not native(other)
    assert difference([numbers(xs)], [numbers(ys)]) < 1e-6


def test_a_variable_twice_and_variables_in_one_memory():
    gs = [tensor(g) for g in STEPS[0]]
    x = keras.Variable(np.ones((5,), "float32"))
    y = keras.Variable(x._value)
    assert y._value is x._value
    optimizer = make("sgd", learning_rate=1.0)
    optimizer.build([x, y])
    bound = []
    optimizer.apply([gs[1], gs[1]], [x, y])
    for step in optimizer.state.native.steps.values():
        bound += step.calls.values()
    assert [one.call for one in bound] == [None]
    with pytest.raises(ValueError, match="given twice"):
        optimizer.apply([gs[1], gs[1]], [x, x])


def test_a_variable_that_is_overwritten_with_its_gradient():
    xs = variables(VALUES)
    xs[1].overwrite_with_gradient = True
    optimizer = make("adam")
    optimizer.apply([tensor(g) for g in STEPS[0]], xs)
    assert not native(optimizer)
    np.testing.assert_allclose(numbers(xs)[1], STEPS[0][1])


@pytest.mark.parametrize("hook", ["_clip_gradients", "on_gradients"])
def test_a_subclass_with_its_own_way_through_apply(hook):
    def doubled(self, grads):
        return [2.0 * g for g in getattr(keras_optim.SGD, hook)(self, grads)]

    kind = type("Doubled", (keras_optim.SGD,), {hook: doubled})
    ours = run(kind(0.1), VALUES, STEPS[:2])
    assert difference(ours, run(keras_optim.SGD(0.2), VALUES, STEPS[:2])) < 1e-6


def test_a_rule_that_reads_what_it_was_not_given():
    """A hidden variable may change: it must not become a constant."""
    hidden = keras.Variable(1.0)

    class Hidden(keras_optim.Optimizer):
        def update(self, g, x, s, t, lr):
            return -lr * hidden.value * g, {}

    optimizer = Hidden(1.0)
    xs = variables(VALUES)
    gs = [tensor(g) for g in STEPS[0]]
    optimizer.apply(gs, xs)
    hidden.assign(2.0)
    optimizer.apply(gs, xs)
    expected = [x - 3.0 * g for x, g in zip(VALUES, STEPS[0])]
    assert difference([numbers(xs)], [expected]) < 1e-5


# ---- the setting


def test_eager_is_never_native(monkeypatch):
    optimizer = make("adam")
    trajectory("eager", optimizer, monkeypatch)
    assert not native(optimizer)


def test_native_says_why_not(monkeypatch):
    reason = "GradientNoise: KERAS_OPTIM_TORCH=native, but: "
    with pytest.raises(RuntimeError, match=reason):
        trajectory("native", make("gradientnoise(adam)"), monkeypatch)


def test_another_setting_is_refused(monkeypatch):
    with pytest.raises(ValueError, match="must be auto, native or eager. Received: 'fast'"):
        trajectory("fast", make("sgd"), monkeypatch)


def test_without_a_compiler_one_warning_and_the_right_result(monkeypatch, caplog, builds):
    monkeypatch.setenv("PATH", "")
    building.forget()
    torch_native._told.clear()
    paths = [run(make("adam"), VALUES, STEPS) for _ in range(2)]
    assert [r.levelname for r in caplog.records] == ["WARNING"]
    assert "no C compiler was found" in caplog.text
    with pytest.raises(RuntimeError, match="no C compiler"):
        trajectory("native", make("adam"), monkeypatch)
    monkeypatch.undo()
    building.forget()
    assert difference(paths[0], trajectory("eager", make("adam"), monkeypatch)) == 0.0
    assert difference(paths[0], paths[1]) == 0.0


def test_a_compiler_that_fails_is_called_for_one_optimizer_alone(
    monkeypatch, caplog, builds, tmp_path
):
    (tmp_path / "gcc").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "gcc").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/no")
    building.forget()
    torch_native._told.clear()
    optimizer, xs = make("adam"), variables(VALUES)
    for rate in (0.1, 0.2, 0.3):
        optimizer.learning_rate = rate
        optimizer.weight_decay = rate
        optimizer.apply([tensor(g) for g in STEPS[0]], xs)
    run(make("lamb"), VALUES, STEPS[:1])
    assert builds() == 1
    assert [r.levelname for r in caplog.records] == ["WARNING"]
    assert "gcc" in caplog.text


def test_a_rule_without_a_native_step_is_no_reason_to_warn(caplog):
    run(make("gradientnoise(adam)"), VALUES, STEPS[:1])
    assert not caplog.records
