"""Weight decay by path, cautious, and corrected by the rate: against the papers' lines in NumPy."""

import keras
import numpy as np
import pytest

import keras_optim
from tests.support.trajectories import (
    RATES,
    difference,
    expected,
    gradients,
    numbers,
    run,
    starts,
    tensor,
    variables,
)

SHAPES = ((), (5,), (4, 3), (3, 2, 4))
STEPS, VALUES = gradients(SHAPES, steps=8), starts(SHAPES)
RULES = {  # arguments of ours; of their references: those without weight decay
    "adamw": ({}, {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8, "weight_decay": 0.0}),
    "sgd": ({"momentum": 0.7}, {"momentum": 0.7, "nesterov": False}),
    "lion": ({}, {"beta_1": 0.9, "beta_2": 0.99}),
    "muon": ({"output_layer": None, "ns_epsilon": 1e-2}, {"weight_decay": 0.0, "ns_epsilon": 1e-2}),
}
OPTIONS = {
    "by_path": {"weight_decay": {"^x1": 0.4, "x[12]": 0.2, "x3": 0.0}},
    "cautious": {"weight_decay": 0.3, "cautious_weight_decay": True},
    "corrected": {"weight_decay": 0.3, "corrected_weight_decay": ["x0", "x2"]},
    "together": {
        "weight_decay": {"x0": 0.5, ".": 0.3},
        "cautious_weight_decay": True,
        "corrected_weight_decay": ["."],
    },
}
BY_PATH = {"by_path": (0.0, 0.4, 0.2, 0.0), "together": (0.5, 0.3, 0.3, 0.3)}
CORRECTED = {"corrected": (0, 2), "together": (0, 1, 2, 3)}


def papers_path(name, option):
    """The weights after each step; none of these rules looks at the weights."""
    plain = [VALUES, *expected(name, RULES[name][1], VALUES, STEPS)]
    xs = VALUES
    for t, lr in enumerate(RATES[: len(STEPS)]):
        largest = max(RATES[: t + 1])
        new = []
        for i, x in enumerate(xs):
            u = (plain[t][i] - plain[t + 1][i]) / lr
            decay = BY_PATH.get(option, (0.3,) * 4)[i]
            if i in CORRECTED.get(option, ()):
                decay = decay * lr / largest
            if "cautious_weight_decay" in OPTIONS[option]:
                decay = decay * (u * x >= 0)
            new.append(x - lr * (u + decay * x))
        xs = new
        yield xs


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("name", RULES)
def test_steps_are_those_of_the_paper(name, option, float64):
    optimizer = keras_optim.get(name, **RULES[name][0], **OPTIONS[option])
    path = run(optimizer, VALUES, STEPS, RATES, "float64")
    assert difference(path, list(papers_path(name, option))) < 1e-10


def test_adamc_is_adamw_with_corrected_decay():
    pairs = (keras_optim.AdamC(normalized=["x[12]"]), keras_optim.AdamW(weight_decay=0.01))
    pairs[1].corrected_weight_decay = ["x[12]"]
    paths = [run(optimizer, VALUES, STEPS, RATES) for optimizer in pairs]
    assert difference(*paths) == 0.0
    assert difference(paths[0], run(keras_optim.AdamW(), VALUES, STEPS, RATES)) > 1e-5


OTHERS = {
    "rate_multipliers": lambda rule: keras_optim.RateMultipliers(rule, {".": 0.5}),
    "route": lambda rule: keras_optim.Route({".": rule}, learning_rate=0.5),
    "ema": keras_optim.EMA,
}


@pytest.mark.parametrize("name", OTHERS)
def test_inside_of_others_a_factor_of_all_rates_leaves_the_correction(name):
    found = []
    for corrected in (None, ["."]):
        rule = keras_optim.SGD(1.0, weight_decay=0.1, corrected_weight_decay=corrected)
        optimizer, xs = OTHERS[name](rule), variables([np.array([2.0])])
        first = float(optimizer.learning_rate)
        for share in (1.0, 0.25):
            optimizer.learning_rate = share * first
            before = numbers(xs)[0]
            optimizer.apply([tensor([0.0])], xs)
        found.append((numbers(xs)[0] - before)[0])
    assert found[1] / found[0] == pytest.approx(0.25, rel=1e-5)


@pytest.mark.parametrize("falling", [False, True])
def test_mechanic_knows_the_rates_of_the_rule_inside(falling):
    rates = RATES[2::-1] if falling else (0.1,) * 3
    paths = []
    for corrected in (None, ["."]):
        rule = keras_optim.AdamW(weight_decay=0.5, corrected_weight_decay=corrected)
        optimizer = keras_optim.Mechanic(rule, s_init=0.5)
        paths.append(run(optimizer, VALUES, STEPS[:3], rates))
    assert (difference(*paths) > 1e-4) == falling
    assert falling or difference(*paths) == 0.0


def test_a_weight_that_does_not_move_decays():
    optimizer, xs = keras_optim.SGD(0.1, weight_decay=0.5), variables([np.array([2.0, -2.0, 0.0])])
    optimizer.cautious_weight_decay = True
    optimizer.apply([tensor([0.0, -0.0, 0.0])], xs)
    assert difference([numbers(xs)], [[np.array([1.9, -1.9, 0.0])]]) < 1e-6


def test_cautious_around_it_masks_the_step_first():
    """Its mask takes the step of the first weight away, so that weight decays."""
    xs = variables([np.array([1.0, 1.0])])
    rule = keras_optim.SGD(0.1, momentum=0.9, weight_decay=0.5, cautious_weight_decay=True)
    optimizer = keras_optim.Cautious(rule)
    optimizer.apply([tensor([-1.0, -1.0])], xs)
    assert difference([numbers(xs)], [[np.array([1.1, 1.1])]]) < 1e-6
    optimizer.apply([tensor([0.5, -1.0])], xs)  # momenta -0.4 and -1.9
    assert difference([numbers(xs)], [[np.array([1.1 - 0.055, 1.1 + 0.38])]]) < 1e-6


@pytest.mark.parametrize("name", ["madgrad", "accsgd", "ema(adam)"])
def test_kept_weights_are_those_that_are_stored(name):
    """An average refers to the rounded weights, cautious decay included; the rate is small."""
    from tests.support.catalog_cases import make

    options = {"learning_rate": 0.3, "weight_decay": 0.2, "cautious_weight_decay": True}
    found = []
    for dtype in ("float16", "float32"):
        optimizer, xs = make(name, **options), variables(VALUES, dtype)
        for gs in STEPS:
            optimizer.apply([tensor(g, dtype) for g in gs], xs)
        slot = next(n for n in optimizer.state.slots[0] if n in ("offset", "lag"))
        kept = [s[slot] for s in optimizer.state.slots]
        found.append([x + y for x, y in zip(numbers(xs), numbers(kept), strict=True)])
    assert difference(found[:1], found[1:]) < 0.02


# ---- patterns


def test_patterns_are_settled_at_the_build():
    optimizer = keras_optim.AdamW(weight_decay={"x9": 0.1})
    with pytest.raises(ValueError, match="AdamW: `weight_decay` got 'x9', which matches no"):
        optimizer.build(variables(VALUES))
    with pytest.raises(ValueError, match=r"`weight_decay` got '\(', which is no regular"):
        keras_optim.AdamW(weight_decay={"(": 0.1}).build(variables(VALUES))
    with pytest.raises(ValueError, match=r"AdamW: `weight_decay\['x'\]` must be .*>= 0"):
        keras_optim.AdamW(weight_decay={"x": -0.1})
    route = keras_optim.Route(
        {"x0": keras_optim.SGD(weight_decay={"x1": 0.1}), ".": "x"[:0] or keras_optim.SGD()}
    )
    with pytest.raises(ValueError, match="SGD: `weight_decay` got 'x1', which matches no"):
        route.build(variables(VALUES))


def test_excluded_variables_do_not_decay():
    optimizer, xs = keras_optim.SGD(0.1, weight_decay={".": 0.5}), variables([np.ones(1)] * 2)
    optimizer.exclude_from_weight_decay(var_names=["x1"])
    optimizer.apply([tensor([0.0])] * 2, xs)
    assert difference([numbers(xs)], [[np.array([0.95]), np.array([1.0])]]) < 1e-6


def test_they_may_be_set_later():
    optimizer, xs = keras_optim.EMA(keras_optim.SGD(0.1, weight_decay=0.5)), variables([np.ones(1)])
    with pytest.raises(ValueError, match="wrapped by EMA: set `weight_decay` of the wrapper"):
        optimizer.inner.weight_decay = {".": 1.0}
    for change, end in (
        ({}, 0.95),
        ({"weight_decay": {"x0": 1.0}}, 0.95 * 0.9),
        ({"cautious_weight_decay": True}, 0.95 * 0.9 + 0.1),
        ({"weight_decay": None}, 0.95 * 0.9 + 0.2),
    ):
        for name, value in change.items():
            setattr(optimizer, name, value)
        grows = optimizer.cautious_weight_decay
        optimizer.apply([tensor([-1.0 if grows else 0.0])], xs)
        assert numbers(xs)[0] == pytest.approx(end)
    with pytest.raises(ValueError, match="EMA: `weight_decay` got 'x1', which matches no"):
        optimizer.weight_decay = {"x1": 1.0}
    with pytest.raises(ValueError, match="must be set before the optimizer is built"):
        optimizer.corrected_weight_decay = ["."]


def test_a_loaded_model_decays_the_same_variables(tmp_path):
    """Under other paths, by the paths from before."""
    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.layers.Dense(1, name="head")(inputs), name="whole")
    model.compile(keras_optim.AdamW(0.1, weight_decay={"head/kernel": 0.5}), "mse")
    model.fit(np.ones((2, 2)), np.ones((2, 1)), verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for each in (model, loaded):
        each.fit(np.ones((2, 2)), np.ones((2, 1)), verbose=0)
    assert loaded.optimizer.weight_decay == {"head/kernel": 0.5}
    for a, b in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
