"""Route: every variable has the path that its rule alone would give it."""

import keras
import numpy as np
import pytest

import keras_optim
from keras_optim.state import evaluation_weights
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

STEPS, VALUES = gradients(steps=6), starts()


def warm():
    return keras_optim.schedules.Warmup(0.1, 4)


RULES = {
    "x0": lambda: keras_optim.SGD(warm(), momentum=0.9),
    "x1": lambda: keras_optim.Nadam(0.02, weight_decay=0.1),
    "x2": lambda: keras_optim.Lookahead(keras_optim.Nadam(0.05), sync_period=2),
    "x3": lambda: keras_optim.Adafactor(0.03),
}


def route(factor=1.0, **options):
    return keras_optim.Route({name: rule() for name, rule in RULES.items()}, factor, **options)


def alone(rule, k, factor=1.0, steps=STEPS):
    """Return the path of variable `k` under a rule of its own."""
    if factor != 1.0:
        rule = keras_optim.RateMultipliers(rule, {".": factor})
    return [step[0] for step in run(rule, [VALUES[k]], [[gs[k]] for gs in steps])]


@pytest.mark.parametrize("factor", [1.0, 0.5])
def test_each_variable_goes_the_way_of_its_rule(factor):
    path = run(route(factor), VALUES, STEPS)
    for k, rule in enumerate(RULES.values()):
        expected = alone(rule(), k, factor)
        assert difference([[step[k]] for step in path], [[x] for x in expected]) < 1e-6


@pytest.mark.skipif(BACKEND != "torch", reason="native steps belong to PyTorch")
def test_it_is_native(monkeypatch):
    monkeypatch.setenv("KERAS_OPTIM_TORCH", "native")
    native = run(route(), VALUES, STEPS)
    monkeypatch.setenv("KERAS_OPTIM_TORCH", "eager")
    assert difference(native, run(route(), VALUES, STEPS)) < 1e-6


def test_the_first_that_takes_a_variable_counts():
    rules = [
        (["x0", "x3"], keras_optim.SGD(1.0)),
        (lambda spec: len(spec.shape) == 1, keras_optim.SGD(2.0)),
        ("x[0-2]", keras_optim.SGD(3.0)),
    ]
    path = run(keras_optim.Route(rules), VALUES, STEPS[:1])
    moved = [before - after for before, after in zip(VALUES, path[0], strict=True)]
    for change, g, rate in zip(moved, STEPS[0], (1.0, 2.0, 3.0, 1.0), strict=True):
        np.testing.assert_allclose(change, rate * g, rtol=1e-5, atol=1e-6)


def test_variables_without_a_gradient_wait():
    """So does the state of a rule that sums over its variables, if none of them has one."""
    skipping = keras_optim.SkipNonFinite(keras_optim.Nadam(0.1))
    optimizer = keras_optim.Route({"x1": skipping, ".": keras_optim.Nadam(0.1)})
    xs = variables(VALUES)
    optimizer.build(xs)
    others = [i for i in range(len(xs)) if i != 1]
    optimizer.apply([tensor(STEPS[0][i]) for i in others], [xs[i] for i in others])
    assert difference([numbers(xs[1:2])], [VALUES[1:2]]) < 1e-7
    optimizer.apply([tensor(np.full_like(g, np.nan)) for g in STEPS[1][1:2]], [xs[1]])
    assert skipping.skipped == 1
    optimizer.apply([tensor(g) for g in STEPS[1]], xs)
    assert skipping.skipped == 1
    assert all(np.all(np.isfinite(x)) for x in numbers(xs))


# ---- rates


def test_rates_of_one_rule_and_of_all():
    optimizer = keras_optim.Route({"x0": keras_optim.SGD(0.5), ".": keras_optim.SGD(0.25)})
    xs = variables([np.zeros(()), np.zeros(2)])
    ones = [tensor(np.ones(())), tensor(np.ones(2))]

    def moved():
        before = numbers(xs)
        optimizer.apply(ones, xs)
        return [float((b - a).flat[0]) for b, a in zip(before, numbers(xs), strict=True)]

    assert moved() == [0.5, 0.25]
    optimizer.learning_rate = 0.5
    assert moved() == [0.25, 0.125]
    optimizer.rules["x0"].learning_rate = 4.0
    assert moved() == [2.0, 0.125]
    store = {}
    optimizer.save_own_variables(store)
    again = keras_optim.Route.from_config(optimizer.get_config())
    assert float(keras.ops.convert_to_numpy(again.rules["x0"].learning_rate.value)) == 4.0
    again.rules["x0"].learning_rate = 8.0
    again.build(xs)
    again.load_own_variables(store)
    optimizer = again
    assert moved() == [2.0, 0.125]


def test_weight_decay_belongs_to_the_rules_and_may_change():
    decayed = keras_optim.SGD(0.5, weight_decay=0.5)
    optimizer = keras_optim.Route({"x0": decayed, ".": keras_optim.SGD(0.5)})
    xs = variables([np.full((2,), 8.0), np.full((2,), 8.0)])
    zeros = [tensor(np.zeros(2))] * 2
    optimizer.apply(zeros, xs)
    assert [x[0] for x in numbers(xs)] == [6.0, 8.0]
    decayed.weight_decay = 1.0
    optimizer.apply(zeros, xs)
    assert [x[0] for x in numbers(xs)] == [3.0, 8.0]


def test_clipping_is_that_of_all_gradients():
    optimizer = keras_optim.Route(
        {"x0": keras_optim.SGD(1.0), ".": keras_optim.SGD(2.0)}, global_clipnorm=1.0
    )
    path = run(optimizer, [np.zeros(1), np.zeros(1)], [[np.array([3.0]), np.array([4.0])]])
    np.testing.assert_allclose(np.concatenate(path[0]), [-0.6, -1.6], rtol=1e-6)


# ---- in a model


def model(optimizer, **options):
    keras.utils.set_random_seed(3)
    layers = [
        keras.layers.Dense(6, activation="tanh", name="body"),
        keras.layers.Dense(1, name="head"),
    ]
    made = keras.Sequential([keras.Input((4,)), *layers])
    made.compile(optimizer, "mse", **options)
    return made


def data():
    x = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
    return x, x.sum(1, keepdims=True)


@keras.saving.register_keras_serializable("test_route")
def vectors(spec):
    return len(spec.shape) < 2


def of_a_model():
    return keras_optim.Route(
        {
            vectors: keras_optim.SGD(warm(), momentum=0.9),
            "head": keras_optim.Nadam(0.01, weight_decay=0.1),
            ".": keras_optim.Adam(0.01),
        }
    )


@pytest.mark.parametrize("jit", [False, "auto"])
def test_fit_goes_on_from_a_file(jit, tmp_path):
    x, y = data()
    whole = model(of_a_model(), jit_compile=jit)
    whole.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    first = model(of_a_model(), jit_compile=jit)
    first.fit(x, y, batch_size=8, epochs=1, shuffle=False, verbose=0)
    first.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert list(loaded.optimizer.rules) == ["vectors", "head", "."]
    assert loaded.optimizer.state.constants == first.optimizer.state.constants
    loaded.fit(x, y, batch_size=8, epochs=1, shuffle=False, verbose=0)
    for ours, theirs in zip(loaded.weights, whole.weights, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def test_a_function_is_kept_before_the_build_as_well():
    config = of_a_model().get_config()
    again = keras_optim.Route.from_config(config)
    assert list(again.rules) == ["vectors", "head", "."]
    assert again.get_config() == config


def test_layers_are_chosen_by_their_variables():
    made = model("sgd")
    head = made.get_layer("head").trainable_variables
    optimizer = keras_optim.Route([(head, keras_optim.SGD(0.0)), (".", keras_optim.SGD(0.1))])
    made.compile(optimizer, "mse")
    before = [v.numpy() for v in head]
    body = made.get_layer("body").kernel.numpy()
    made.fit(*data(), verbose=0)
    for variable, value in zip(head, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)
    assert np.any(made.get_layer("body").kernel.numpy() != body)


def test_callbacks_set_the_rates_of_all(capsys):
    x, y = data()
    made = model(keras_optim.Route({"bias": keras_optim.SGD(0.1), ".": keras_optim.Adam(0.01)}))
    halve = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    made.fit(x, y, epochs=3, verbose=0, callbacks=[halve])
    assert float(made.optimizer.learning_rate.numpy()) == 0.125
    made.optimizer.summary()
    assert capsys.readouterr().out.splitlines() == [
        "bias: SGD(learning_rate=0.1), 2 variables, 7 weights",
        f"    {made.get_layer('body').bias.path}",
        f"    {made.get_layer('head').bias.path}",
        ".: Adam(learning_rate=0.01), 2 variables, 30 weights",
        f"    {made.get_layer('body').kernel.path}",
        f"    {made.get_layer('head').kernel.path}",
    ]


def test_an_average_of_some_variables():
    average = keras_optim.EMA(keras_optim.SGD(0.1), decay=0.5, warmup=False)
    optimizer = keras_optim.Route({"x1": average, ".": keras_optim.SGD(0.1)})
    xs = variables(VALUES)
    for gs in STEPS[:3]:
        optimizer.apply([tensor(g) for g in gs], xs)
    trained = numbers(xs)
    evaluation_weights.swap_in(optimizer)
    shown = numbers(xs)
    assert difference([shown[:1] + shown[2:]], [trained[:1] + trained[2:]]) == 0.0
    assert difference([shown[1:2]], [trained[1:2]]) > 1e-3
    evaluation_weights.swap_out(optimizer)
    assert difference([numbers(xs)], [trained]) == 0.0


def test_wrappers_around_it():
    optimizer = keras_optim.EMA(keras_optim.Lookahead(route(), sync_period=2), decay=0.5)
    path = run(optimizer, VALUES, STEPS)
    for k, rule in enumerate(RULES.values()):
        expected = alone(keras_optim.Lookahead(rule(), sync_period=2), k)
        assert difference([[step[k]] for step in path], [[x] for x in expected]) < 1e-6
    again = keras_optim.EMA.from_config(optimizer.get_config())
    assert difference(run(again, VALUES, STEPS), path) == 0.0


def test_half_precision():
    xs = variables(VALUES, "bfloat16")
    optimizer = route()
    for gs in STEPS:
        optimizer.apply([tensor(g, "bfloat16") for g in gs], xs)
    for k, rule in enumerate(RULES.values()):
        alone, [x] = rule(), variables(VALUES[k : k + 1], "bfloat16")
        for gs in STEPS:
            alone.apply([tensor(gs[k], "bfloat16")], [x])
        assert difference([numbers([xs[k]])], [numbers([x])]) == 0.0


# ---- what is refused


def built(rules, **options):
    keras_optim.Route(rules, **options).build(variables(VALUES))


def test_wrong_rules():
    sgd = keras_optim.SGD
    used = sgd()
    keras_optim.Lookahead(used)
    with pytest.raises(TypeError, match="Route: `rules` must be a dict, or a list of pairs"):
        built(sgd())
    with pytest.raises(TypeError, match=r"Route: `rules\[0\]` must be an optimizer of keras_optim"):
        built({".": keras.optimizers.SGD()})
    with pytest.raises(TypeError, match="by a function of path and shape. Received: 3 at position"):
        built({3: sgd()})
    with pytest.raises(ValueError, match="`rules` must hold at least one rule"):
        built({})
    with pytest.raises(ValueError, match="must be a new optimizer. Received: SGD, wrapped by Look"):
        built({".": used})
    with pytest.raises(ValueError, match=r"Write `SAM\(Route\(...\)\)`"):
        built({".": keras_optim.SAM(sgd())})
    with pytest.raises(ValueError, match="give it to Route.* Received: clipnorm=1.0 in SGD"):
        built({".": sgd(clipnorm=1.0)})
    with pytest.raises(ValueError, match="Route: `weight_decay` belongs to the rules"):
        built({".": sgd()}, weight_decay=0.1)
    with pytest.raises(ValueError, match="weight decay belongs to the rules: call"):
        keras_optim.Route({".": sgd()}).exclude_from_weight_decay(var_names=["x"])
    around = keras_optim.EMA(keras_optim.Route({".": sgd()}))
    with pytest.raises(ValueError, match="weight decay belongs to the rules: call"):
        around.exclude_from_weight_decay(var_names=["x"])
    around.weight_decay = 0.5
    with pytest.raises(ValueError, match="`weight_decay` belongs to the rules.*weight_decay=0.5"):
        run(around, VALUES, STEPS[:1])
    inside = sgd()
    keras_optim.Route({".": inside})
    with pytest.raises(ValueError, match="wrapped by Route: set `clipnorm` of the wrapper"):
        inside.clipnorm = 1.0
    with pytest.raises(ValueError, match="`rules` leaves variables over: x1, x2, x3. The pattern"):
        built({"x0": sgd()})
    with pytest.raises(ValueError, match="'nothing', which matches no variable"):
        built({"nothing": sgd(), ".": sgd()})
    with pytest.raises(ValueError, match="no variable is left for 'x0'"):
        built({".": sgd(), "x0": sgd()})
    with pytest.raises(ValueError, match="wrapped by Route: build the wrapper instead"):
        optimizer = keras_optim.Route({".": sgd()})
        optimizer.rules["."].build(variables(VALUES))
