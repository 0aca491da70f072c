"""An algorithm of the user's own: what is wrong in it is named at the first step."""

import keras
import numpy as np
import pytest

import keras_optim
from keras_optim.wrappers.wrapper import GradientTransform, Wrapper
from tests.support.trajectories import numbers, tensor, variables


def algorithm(update, slots=("a",), **more):
    def method(self, g, x, s, t, lr):
        return update(g, x, s)

    return type("Mine", (keras_optim.Optimizer,), {"slots": slots, "update": method, **more})


WRONG = {
    "reads an undeclared slot": (
        algorithm(lambda g, x, s: (x - s["momentum"], {"a": g})),
        ValueError,
        r"Mine: `update` reads s\['momentum'\], which is neither in `slots` or `init` nor in "
        r"`shared`. Declared: slots=\('a',\), shared=\(\)",
    ),
    "returns an undeclared slot": (
        algorithm(lambda g, x, s: (x, {"a": g, "b": g})),
        ValueError,
        "Mine: `update` returned `b`, which is neither in `slots` nor in `init`",
    ),
    "forgets a slot": (
        algorithm(lambda g, x, s: (x, {}), slots=("a", "b")),
        ValueError,
        "Mine: `update` must return all slots. Missing: `a`, `b`",
    ),
    "returns no pair": (
        algorithm(lambda g, x, s: x - g),
        TypeError,
        "Mine: `update` must return a pair",
    ),
    "returns three": (algorithm(lambda g, x, s: (x, g, {})), TypeError, "Mine: .* a pair"),
    "returns a list of slots": (algorithm(lambda g, x, s: (x, [g])), TypeError, "Mine: .* a dict"),
    "returns nothing": (algorithm(lambda g, x, s: None), TypeError, "a pair.*Received: None"),
    "returns another shape": (
        algorithm(lambda g, x, s: (x[0], {"a": g})),
        ValueError,
        r"Mine: `update` must return the change of the variable in the shape \(3,\)",
    ),
    "a slot of another shape": (
        algorithm(lambda g, x, s: (x, {"a": g[:2]})),
        ValueError,
        r"Mine: `update` must return slot `a` in the shape \(3,\)",
    ),
    "a slot that is none": (
        algorithm(lambda g, x, s: (x, {"a": None})),
        ValueError,
        "slot `a` in the shape .* Received: None",
    ),
    "forgets a slot that it starts": (
        algorithm(lambda g, x, s: (x, {"a": g}), init=lambda self, x: {"c": x}),
        ValueError,
        "Mine: `update` must return all slots. Missing: `c`",
    ),
    "measures what is not there": (
        algorithm(
            lambda g, x, s: (x, {"a": g}), measure=lambda self, g, x, s, t, lr: ({"n": s["c"]}, {})
        ),
        ValueError,
        r"Mine: `measure` reads s\['c'\]",
    ),
    "measures no pair": (
        algorithm(lambda g, x, s: (x, {"a": g}), measure=lambda self, g, x, s, t, lr: 3),
        TypeError,
        "Mine: `measure` must return a pair of dicts: the sums, .*Received: 3",
    ),
    "pools what is not there": (
        algorithm(
            lambda g, x, s: (x, {"a": g}), pool=lambda self, sums, s, t, lr: ({"n": s["c"]}, {})
        ),
        ValueError,
        r"Mine: `pool` reads s\['c'\]",
    ),
}


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("wrapped", [False, True], ids=["alone", "wrapped"])
def test_what_is_wrong_is_named(case, wrapped):
    cls, error, message = WRONG[case]
    optimizer = keras_optim.EMA(cls(0.5)) if wrapped else cls(0.5)
    with pytest.raises(error, match=message):
        optimizer.apply([tensor(np.ones(3))], variables([np.ones(3)]))


def test_it_is_named_while_a_model_is_trained():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(WRONG["reads an undeclared slot"][0](0.5), "mse", jit_compile=False)
    with pytest.raises(ValueError, match=r"Mine: `update` reads s\['momentum'\]"):
        model.train_on_batch(np.ones((4, 2)), np.ones((4, 1)))


def test_a_wrapper_that_forgets_the_slots_inside():
    class Forgetful(Wrapper):
        def update(self, g, x, s, t, lr):
            return self.inner.step(g, x, s["inner"], t, lr)[0], {}

    with pytest.raises(ValueError, match="Forgetful: .*Missing: `inner`"):
        Forgetful(keras_optim.Adam()).apply([tensor(1.0)], variables([np.ones(())]))


def test_each_shape_is_checked_once():
    class Counted(keras_optim.Optimizer):
        states = []

        def update(self, g, x, s, t, lr):
            self.states.append(type(s))
            return -lr * g, {}

    xs = variables([np.ones(2), np.ones(3), np.ones(2)])
    optimizer = Counted(0.5)
    Counted.states.clear()
    for _ in range(2):
        optimizer.apply([tensor(np.ones(x.shape)) for x in xs], xs)
    assert sum(state is not dict for state in Counted.states) == 2
    assert numbers(xs)[0].tolist() == [0.0, 0.0]


def test_a_derived_class_may_call_its_parents_rule():
    class Counting(keras_optim.SGD):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.slots = (*self.slots, "count")

        def update(self, g, x, s, t, lr):
            change, state = super().update(g, x, s, t, lr)
            return change, {**state, "count": s["count"] + 1}

    xs = variables([np.ones(2)])
    optimizer = Counting(0.5, 0.5)
    for _ in range(2):
        optimizer.apply([tensor(np.ones(2))], xs)
    assert numbers([optimizer.variables[-1]])[0].tolist() == [2.0, 2.0]
    assert numbers(xs)[0].tolist() == [-0.25, -0.25]


# ---- the order of wrappers

AVERAGES = [keras_optim.EMA, lambda inner: keras_optim.SWA(inner, 1)]


@pytest.mark.parametrize("average", AVERAGES, ids=["EMA", "SWA"])
@pytest.mark.parametrize("wrapper", [keras_optim.Lookahead, keras_optim.LazyRows])
def test_averages_go_outside_of_what_would_change_them(average, wrapper):
    name, title = type(average(keras_optim.SGD())).__name__, wrapper.__name__
    for inner in (
        average(keras_optim.SGD()),
        keras_optim.RateMultipliers(average(keras_optim.SGD()), {"x": 2.0}),
    ):
        with pytest.raises(
            ValueError, match=rf"{title}: .*{name} does.* `{name}\({title}\(...\)\)`"
        ):
            wrapper(inner)
    assert average(wrapper(keras_optim.SGD())).averaging


HARMLESS = [
    keras_optim.Centralization,
    keras_optim.AdaptiveClipping,
    lambda inner: keras_optim.GradientNoise(inner, eta=0.25, seed=1),
    lambda inner: keras_optim.RateMultipliers(inner, {"x0": 0.0, "x1": 2.0}),
]


@pytest.mark.parametrize("average", AVERAGES, ids=["EMA", "SWA"])
@pytest.mark.parametrize("wrapper", HARMLESS, ids=["center", "clip", "noise", "rates"])
def test_other_wrappers_average_the_same_in_both_orders(average, wrapper):
    found = []
    for make in (
        lambda: wrapper(average(keras_optim.SGD(0.25))),
        lambda: average(wrapper(keras_optim.SGD(0.25))),
    ):
        xs = variables([np.ones((2, 3)), np.ones((3, 2))])
        optimizer = make()
        for step in range(4):
            grads = [np.full(x.shape, 1.0 + step) + np.arange(x.shape[0])[:, None] for x in xs]
            optimizer.apply([tensor(g) for g in grads], xs)
        trained = numbers(xs)
        optimizer.finalize_variable_values(xs)
        found.append([*trained, *numbers(xs)])
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(found[0][1], found[0][3])


class Half(GradientTransform):
    """A wrapper of the user's own may stand anywhere."""

    def transform(self, g, x, s, t):
        return 0.5 * g


def test_a_wrapper_of_ones_own():
    xs = variables([np.ones(2)])
    Half(keras_optim.EMA(keras_optim.SGD(1.0))).apply([tensor(np.ones(2))], xs)
    assert numbers(xs)[0].tolist() == [0.5, 0.5]


# ---- what is wrapped, and at which rate


@pytest.mark.parametrize(
    ("inner", "hint"),
    [
        (lambda: keras.optimizers.Adam(), r"Write `keras_optim.Adam\(...\)`"),
        (lambda: keras.optimizers.RMSprop(), r"Write `keras_optim.RMSprop\(...\)`"),
        (lambda: "adam", r"Received: inner='adam'. Write `keras_optim.Adam\(...\)`"),
        (lambda: keras_optim.Adam, r"Write `keras_optim.Adam\(...\)`"),
        (lambda: keras.optimizers.Lion, r"Write `keras_optim.Lion\(...\)`"),
        (lambda: keras.optimizers.Muon(), r"Write `keras_optim.Muon\(...\)`"),
        (lambda: "no such", r"Received: inner='no such'$"),
        (lambda: None, "Received: inner=None$"),
        (lambda: keras.optimizers.LossScaleOptimizer(keras_optim.Adam()), "around Lookahead"),
    ],
    ids=range(9),
)
def test_what_to_write_instead_is_said(inner, hint):
    with pytest.raises(TypeError, match=f"Lookahead: `inner` must be an optimizer of.*{hint}"):
        keras_optim.Lookahead(inner())


def test_a_rate_for_the_wrapper_is_that_of_the_rule():
    xs = variables([np.ones(2)])
    optimizer = keras_optim.EMA(keras_optim.Lookahead(keras_optim.SGD(0.1)), learning_rate=0.5)
    optimizer.apply([tensor(np.ones(2))], xs)
    assert numbers(xs)[0].tolist() == [0.5, 0.5]
    again = keras_optim.EMA.from_config(optimizer.get_config())
    assert again.get_config() == optimizer.get_config()
    assert repr(again) == "EMA(Lookahead(SGD(learning_rate=0.5)))"
    schedule = keras_optim.schedules.REX(0.25, 10)
    assert (
        keras_optim.Lookahead(keras_optim.SGD(), learning_rate=schedule)._learning_rate is schedule
    )
    with pytest.raises(ValueError, match="EMA: `learning_rate` must be"):
        keras_optim.EMA(keras_optim.SGD(), learning_rate=-1)
