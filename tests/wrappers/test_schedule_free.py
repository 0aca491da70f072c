"""Schedule-Free: the tested mean as well as the trained weights, on any rule, at y and at z."""

import importlib

import keras
import numpy as np
import pytest

import keras_optim
from keras_optim.engine.storing import Stored
from tests.conftest import one_backend
from tests.engine.test_stored_weights import STEPS as TRACK
from tests.engine.test_stored_weights import OnSphere, Within, constrained, walk
from tests.support.trajectories import (
    RATES,
    difference,
    gradients,
    numbers,
    run,
    starts,
    tensor,
    variables,
)
from tests.wrappers.test_averaging import both_paths

STEPS, VALUES = gradients(steps=30), starts()
NAMES = ["schedulefreesgd", "schedulefreeadamw", "schedulefreeradam", "schedulefree"]
CASES = [
    pytest.param(name, case, id=f"{name}-{i}")
    for name in NAMES
    for i, case in enumerate(importlib.import_module(f"tests.references.{name}").CASES)
]


def made(name, case):
    if name != "schedulefree":
        return keras_optim.get(name, **case)
    own = {k: v for k, v in case.items() if k != "momentum"}
    return keras_optim.ScheduleFree(keras_optim.SGD(momentum=case["momentum"]), **own)


def reference(name, case, steps=STEPS, **more):
    """The paths of y and of x, for all variables."""
    means = importlib.import_module(f"tests.references.{name}").means
    pairs = [
        list(means(x, [gs[i] for gs in steps], RATES, **case, **more)) for i, x in enumerate(VALUES)
    ]
    steps = list(zip(*pairs, strict=True))
    return [[y for y, _ in step] for step in steps], [[x for _, x in step] for step in steps]


@pytest.mark.parametrize(("name", "case"), CASES)
def test_trained_and_tested_weights(name, case, float64):
    trained, tested = both_paths(made(name, case), dtype="float64")
    ys, xs = reference(name, case)
    assert difference(trained, ys) < 1e-10
    assert difference(tested, xs) < 1e-10
    assert difference(trained, tested) > 1e-3


@one_backend
@pytest.mark.parametrize("kind", ["SGD", "AdamW", "RAdam"])
def test_the_tested_weights_of_the_authors(kind, float64):
    """`optimizer.eval()` of the package schedulefree, after each step."""
    torch = pytest.importorskip("torch", exc_type=ImportError)
    package = pytest.importorskip("schedulefree", reason="schedulefree is not installed")
    [x] = variables(VALUES[2:3], "float64")
    p = torch.nn.Parameter(torch.tensor(VALUES[2]))
    theirs = getattr(package, f"{kind}ScheduleFree")([p], lr=0.1)
    ours = getattr(keras_optim, f"ScheduleFree{kind}")(0.1)
    for gs in STEPS:
        theirs.train()
        p.grad = torch.tensor(gs[2])
        theirs.step()
        theirs.eval()
        ours.apply([tensor(gs[2], "float64")], [x])
        with keras_optim.evaluation_weights(ours):
            np.testing.assert_allclose(numbers([x])[0], p.detach().numpy(), rtol=0, atol=1e-10)


@pytest.mark.parametrize("beta", [0.9, 0.3])
def test_the_wrapper_is_the_algorithm(beta, float64):
    """Around plain descent and around RMS scaling without momentum."""
    options = {"r": 1.0, "weight_decay": 0.1}
    rates = list(RATES[:30])

    def paths(optimizer):
        return run(optimizer, VALUES, STEPS, rates, "float64")

    wrapped = keras_optim.ScheduleFree(keras_optim.SGD(), beta, **options)
    assert difference(paths(wrapped), paths(keras_optim.ScheduleFreeSGD(momentum=beta, **options)))\
        < 1e-12  # fmt: skip
    adam = keras_optim.AdamW(beta_1=0.0, epsilon=1e-2, weight_decay=None)
    wrapped = keras_optim.ScheduleFree(adam, beta, **options)
    single = keras_optim.ScheduleFreeAdamW(beta_1=beta, epsilon=1e-2, **options)
    assert difference(paths(wrapped), paths(single)) < 1e-12


def test_a_warm_up_is_a_schedule_of_the_rate(float64):
    class Line(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            share = (keras.ops.cast(step, "float64") + 1.0) / 5.0
            return 0.1 * keras.ops.where(share < 1.0, share, keras.ops.ones_like(share))

        def get_config(self):
            return {}

    wrapped = keras_optim.ScheduleFree(keras_optim.SGD(Line()))
    single = keras_optim.ScheduleFreeSGD(0.1, warmup_steps=5)
    paths = [run(o, VALUES, STEPS, dtype="float64") for o in (wrapped, single)]
    assert difference(*paths) < 1e-12


class Estimating(keras_optim.Optimizer):
    """Plain descent, whose rate has a factor that it estimates: the number of the step."""

    shared = {"d": 1.0}
    estimate = "d"

    def pool(self, sums, s, t, lr):
        return {"d": keras.ops.cast(t, lr.dtype)}, {}

    def update(self, g, x, s, t, lr):
        return -lr * s["d"] * g, {}


@pytest.mark.parametrize("inside", [lambda rule: rule, keras_optim.Centralization])
def test_an_estimated_rate_counts_in_the_weights_of_the_mean(inside, float64):
    """As a schedule that grows with the steps would."""
    values, steps = VALUES[1:2], [[gs[1] - gs[1].mean()] for gs in STEPS]
    wrapped = keras_optim.ScheduleFree(inside(Estimating(0.01)))
    path = run(wrapped, values, steps, dtype="float64")
    rates = [0.01 * t for t in range(1, 31)]
    scheduled = run(keras_optim.ScheduleFreeSGD(), values, steps, rates, "float64")
    assert difference(path, scheduled) < 1e-12


def test_decay_that_a_rule_couples_stays_inside():
    """Of LARS it is part of the direction, at z."""

    def lars(**options):
        return keras_optim.LARS(0.1, momentum=0.0, **options)

    decayed = keras_optim.ScheduleFree(lars(weight_decay=0.5))
    first = run(lars(weight_decay=0.5), VALUES, STEPS[:1])
    assert difference(run(decayed, VALUES, STEPS[:1]), first) < 1e-6
    excluded = keras_optim.ScheduleFree(keras_optim.SGD(0.1, weight_decay=0.5))
    excluded.exclude_from_weight_decay(var_names=["x1"])
    zeros = [[np.zeros_like(v) for v in VALUES]]
    [after] = run(excluded, VALUES, zeros)
    for i, (a, b) in enumerate(zip(after, VALUES, strict=True)):
        np.testing.assert_allclose(a, b if i == 1 else 0.95 * b, rtol=1e-6)


def test_the_fast_weights_keep_the_constraint(float64):
    """So their mean, and the trained weights, keep a convex one."""
    case = importlib.import_module("tests.references.schedulefreesgd").CASES[0]
    xs = constrained(Within())
    for x in xs:
        x.assign(Within.array(numbers([x])[0]))
    means = importlib.import_module("tests.references.schedulefreesgd").means
    pairs = [
        list(means(numbers([x])[0], [gs[i] for gs in TRACK], RATES, project=Within.array, **case))
        for i, x in enumerate(xs)
    ]
    optimizer, tested = keras_optim.ScheduleFreeSGD(**case), []

    def test():
        with keras_optim.evaluation_weights(optimizer):
            tested.append(numbers(xs))

    trained = walk(optimizer, xs, each=test)
    for k, path in enumerate((trained, tested)):
        expected = [[np.asarray(pair[k]) for pair in step] for step in zip(*pairs, strict=True)]
        assert difference(path, expected) < 1e-10


def test_a_sphere_is_kept_as_well(float64):
    xs = constrained(OnSphere())
    optimizer = keras_optim.ScheduleFreeAdamW(0.1)
    walk(optimizer, xs)
    for x in numbers(xs):
        assert np.sqrt(np.sum(x * x)) == pytest.approx(1.0)
    with keras_optim.evaluation_weights(optimizer):
        for x in numbers(xs):
            assert np.sqrt(np.sum(x * x)) == pytest.approx(1.0)


@pytest.mark.parametrize("beta", [0.9, 0.3])
def test_half_precision(beta):
    """The rounding of the trained weights moves z and x with them: they stay together."""
    tested = []
    for dtype in ("bfloat16", "float32"):
        [x] = variables([np.ones(3)], dtype)
        optimizer = keras_optim.ScheduleFreeSGD(2.0**-5, momentum=beta)
        for _ in range(20):
            optimizer.apply([keras.ops.ones((3,), dtype)], [x])
        with keras_optim.evaluation_weights(optimizer):
            tested += numbers([x])
    np.testing.assert_allclose(tested[1], 1 - 10.5 / 32, rtol=1e-6)  # the mean of 1 to 20 steps
    assert difference([tested[:1]], [tested[1:]]) < 20 * 2.0**-9


def test_what_cannot_be_averaged_twice():
    rule = keras_optim.ScheduleFreeSGD()
    with pytest.raises(ValueError, match="EMA: `inner` must not average weights itself"):
        keras_optim.EMA(rule)
    with pytest.raises(ValueError, match="ScheduleFree: `inner` must not average weights itself"):
        keras_optim.ScheduleFree(keras_optim.ScheduleFreeSGD())
    with pytest.raises(ValueError, match="ScheduleFree: `use_ema` would average a second time"):
        keras_optim.ScheduleFree(keras_optim.SGD(use_ema=True))
    with pytest.raises(ValueError, match="ScheduleFreeSGD: `use_ema` would average a second time"):
        keras_optim.ScheduleFreeSGD(use_ema=True)
    with pytest.raises(ValueError, match="Lookahead: `inner` must not average weights, as Sched"):
        keras_optim.Lookahead(keras_optim.ScheduleFree(keras_optim.SGD()))
    with pytest.raises(ValueError, match="Lookahead: `inner` must not average weights, as Sched"):
        keras_optim.Lookahead(keras_optim.ScheduleFreeSGD())


def test_a_constraint_without_rounding():
    assert Stored("bfloat16", None).unrounded() is None
    kept = Stored("bfloat16", Within()).unrounded()
    assert kept.dtype == "float32" and kept.constraint is not None
