"""The native step of an optimizer: which there are, and that they are the rule's own."""

import copy
import pickle
import warnings

import keras
import numpy as np
import pytest
import torch

import keras_optim
from keras_optim import fused
from keras_optim.native import building, on_cpu
from tests.catalog_cases import EVERY, VARIANTS, make
from tests.trajectories import difference, gradients, numbers, run, starts, tensor, variables

CONFIGURED = [
    pytest.param(name, case, id=f"{name}-{i}")
    for name in EVERY
    for i, case in enumerate([{}, *VARIANTS.get(name, [])])
]
STEPS, VALUES = gradients(steps=8), starts()

# Everything else is made natively. Why not these:
OPERATION_BY_OPERATION = {
    "sm3": "maxima of rows and columns",
    "gradientnoise(adam)": "random numbers",
}


@pytest.fixture(autouse=True)
def no_setting(monkeypatch):
    monkeypatch.delenv(fused.SETTING, raising=False)


def trajectory(setting, optimizer, monkeypatch, values=VALUES, steps=STEPS, **kwargs):
    monkeypatch.setenv(fused.SETTING, setting)
    return run(optimizer, values, steps, **kwargs)


def native(optimizer):
    """Whether the last step was made natively."""
    return any(optimizer._plan.fused.steps.values())


def scale(path):
    return max(np.nanmax(np.abs(x), initial=1.0) for p in path for x in p)


# ---- which path each takes


def test_the_table_names_what_there_is():
    assert set(OPERATION_BY_OPERATION) < set(EVERY)


def test_a_gradient_in_the_memory_of_a_variable_is_copied(monkeypatch):
    """The loop may assume that nothing it reads is something else that it writes."""
    ends = []
    for setting in ("native", "eager"):
        monkeypatch.setenv(fused.SETTING, setting)
        optimizer, [x] = keras_optim.SGD(0.1, momentum=0.9), variables([np.arange(5.0)])
        for _ in range(3):
            optimizer.apply([x.value.detach()], [x])
        ends.append(numbers([x]))
        if native(optimizer):
            [bound] = optimizer._plan.fused.steps[True].calls.values()
            assert bound._found([x.value.detach()]) is None
            assert bound._found([x.value.detach().clone()])
    assert difference(ends[:1], ends[1:]) < 1e-6


@pytest.mark.parametrize(("name", "case"), CONFIGURED)
def test_the_path_and_the_numbers_of_every_optimizer(name, case, monkeypatch):
    """As the rule, operation by operation, to 1e-6; with a decay that skips one variable."""

    def build():
        optimizer = make(name, weight_decay=0.1, **case)
        optimizer.exclude_from_weight_decay(var_names=["x1"])
        return optimizer

    optimizer = build()
    path = trajectory("auto", optimizer, monkeypatch)
    assert native(optimizer) == (name not in OPERATION_BY_OPERATION)
    expected = trajectory("eager", build(), monkeypatch)
    assert difference(path, expected) <= 1e-6 * scale(expected)


@pytest.mark.parametrize(
    ("name", "case"), [p for p in CONFIGURED if p.values[0] not in OPERATION_BY_OPERATION]
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
    optimizer.apply([tensor(g) for g in STEPS[0]], xs)
    assert [(v.path, v._value.data_ptr()) for v in (*xs, *optimizer.variables)] == before


def test_half_precision_goes_operation_by_operation():
    optimizer = make("adam")
    run(optimizer, VALUES, STEPS[:1], dtype="bfloat16")
    assert not native(optimizer)


# ---- one build


@pytest.fixture
def builds(tmp_path, monkeypatch):
    """How often a compiler ran since the test began, with an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    building.forget()
    start = building.builds
    yield lambda: building.builds - start
    building.forget()


@pytest.mark.parametrize("name", ["adam", "lamb", "lookahead(adam)", "skipnonfinite(adam)"])
def test_one_build_for_a_rule(name, builds, monkeypatch):
    monkeypatch.setenv(fused.SETTING, "native")
    optimizer, xs = make(name), variables(VALUES)
    gs = [tensor(g) for g in STEPS[0]]
    optimizer.apply(gs, xs)
    assert builds() == 1
    optimizer.learning_rate = 0.5
    optimizer.apply(gs, xs)
    with pytest.warns(UserWarning, match="Gradients do not exist"):
        optimizer.apply([gs[0], None, gs[2], gs[3]], xs)
    optimizer.apply(gs[1:3], xs[1:3])
    optimizer.apply(gs[::-1], xs[::-1])
    optimizer.iterations.assign(50)
    optimizer.apply(gs, xs)
    innermost = getattr(optimizer, "inner", optimizer)
    innermost.beta_1 = 0.7
    optimizer.apply(gs, xs)
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
    run(make(name, learning_rate=schedule), VALUES, STEPS)
    run(make(name, learning_rate=lambda: 0.3), VALUES[1:], [gs[1:] for gs in STEPS])
    assert builds() == 1


def test_one_build_for_a_model(builds, monkeypatch):
    """A ragged last batch, a frozen layer, a second optimizer, another model."""
    monkeypatch.setenv(fused.SETTING, "native")
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
        monkeypatch.setenv(fused.SETTING, setting)
        change(optimizer, xs)
        optimizer.apply([g() if callable(g) else g for g in gs], xs)
    (_, _, ours), (_, _, theirs) = pairs
    assert difference([numbers(ours)], [numbers(theirs)]) < 2e-6


def test_gradients_of_every_kind(monkeypatch):
    pairs = pair()
    plain = [tensor(g) for g in STEPS[0]]
    step(monkeypatch, pairs, plain)
    bound = next(iter(pairs[0][1]._plan.fused.steps[True].calls.values()))
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
    from keras_optim import recording

    pairs = pair()
    gs = [tensor(g) for g in STEPS[0]]
    step(monkeypatch, pairs, gs)
    step(monkeypatch, pairs, gs, lambda optimizer, xs: recording.start(optimizer))
    ours, theirs = (recording.last(optimizer) for _, optimizer, _ in pairs)
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
        assert again(optimizer._plan.fused).steps == {}


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
    for step in optimizer._plan.fused.steps.values():
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


def test_a_subclass_with_its_own_way_through_apply():
    class Doubled(keras_optim.SGD):
        def _clip_gradients(self, grads):
            return [2.0 * g for g in super()._clip_gradients(grads)]

    ours = run(Doubled(0.1), VALUES, STEPS[:2])
    assert difference(ours, run(keras_optim.SGD(0.2), VALUES, STEPS[:2])) < 1e-6


def test_a_rule_that_reads_what_it_was_not_given():
    """A hidden variable may change: it must not become a constant."""
    hidden = keras.Variable(1.0)

    class Hidden(keras_optim.Optimizer):
        def update(self, g, x, s, t, lr):
            return x - lr * hidden.value * g, {}

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
    with pytest.raises(RuntimeError, match="SM3: KERAS_OPTIM_TORCH=native, but: .*the shape"):
        trajectory("native", make("sm3"), monkeypatch)


def test_another_setting_is_refused(monkeypatch):
    with pytest.raises(ValueError, match="must be auto, native or eager. Received: 'fast'"):
        trajectory("fast", make("sgd"), monkeypatch)


def test_without_a_compiler_one_warning_and_the_right_result(monkeypatch, caplog, builds):
    monkeypatch.setenv("PATH", "")
    building.forget()
    fused._told.clear()
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
    fused._told.clear()
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
    run(make("sm3"), VALUES, STEPS[:1])
    assert not caplog.records
