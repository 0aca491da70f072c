"""What holds for every algorithm of the catalogue, and for every wrapper around one."""

import inspect
import re

import keras
import numpy as np
import pytest
from keras import ops

import keras_optim
from keras_optim.arguments import hyperparameters
from keras_optim.catalog import ALGORITHMS, WRAPPERS
from keras_optim.contract import innermost, layers
from tests.conftest import BACKEND
from tests.support import passes
from tests.support.catalog_cases import CONFIGURED, EVERY, FEW, NAMES, make, rule_of
from tests.support.trajectories import (
    difference,
    gradients,
    numbers,
    run,
    starts,
    tensor,
    variables,
)

COUPLED = [name for name in NAMES if rule_of(name).couples_decay is not None]
STEPS = gradients(steps=6)
VALUES = starts()


def small_model():
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(8, "tanh"), keras.layers.Dense(1)]
    )


def small_data():
    random = np.random.default_rng(0)
    x = random.normal(size=(64, 4)).astype("float32")
    return x, x[:, :1] * 0.5 - x[:, 1:2] + 0.3


def loss(model, x, y):
    """Return the mean squared error, without what `evaluate` compiles."""
    return float(np.mean((ops.convert_to_numpy(model(x)) - y) ** 2))


# ---- training through Keras


@pytest.mark.parametrize(("name", "case"), CONFIGURED)
def test_trains_saves_and_resumes(name, case, tmp_path):
    """fit lowers the loss; a saved file brings back model, options and all state."""
    x, y = small_data()
    model = small_model()
    rate = rule_of(name).trial_rate
    model.compile(optimizer=make(name, learning_rate=rate, **case), loss="mse")
    first = loss(model, x, y)
    passes.ready(model).fit(x, y, batch_size=16, epochs=3, shuffle=False, verbose=0)
    assert loss(model, x, y) < 0.98 * first

    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded.optimizer) is type(model.optimizer)
    assert loaded.optimizer.get_config() == model.optimizer.get_config()
    assert len(loaded.optimizer.variables) == len(model.optimizer.variables)
    for ours, theirs in zip(model.optimizer.variables, loaded.optimizer.variables, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    kept = loaded.optimizer.variables[2:]
    names = {slot for slots in loaded.optimizer.state.slots for slot in slots}
    left = names - {"lag"}  # the model has the average, so that its lag is zero
    assert any(np.any(v.numpy() != 0) for v in kept) == bool(left)

    for m in (model, loaded):
        passes.ready(m).fit(x, y, batch_size=16, epochs=1, shuffle=False, verbose=0)
    for ours, theirs in zip(model.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


# ---- state


@pytest.mark.parametrize(("name", "case"), CONFIGURED)
def test_state_is_what_the_class_declares(name, case):
    optimizer = make(name, **case)
    xs = variables(VALUES)
    optimizer.build(xs)
    rule = innermost(optimizer)
    expected = {slot for layer in layers(optimizer) for slot in layer.slots if layer is not rule}
    shared = {name for rule in layers(optimizer) for name in rule.shared}
    for value, slots, constants in zip(
        VALUES, optimizer.state.slots, optimizer.state.constants, strict=True
    ):
        while "inner" in constants:
            constants = constants["inner"]
        own = rule.slot_starts(tensor(value), constants)
        assert slots.keys() == expected | own.keys() and own.keys() >= set(rule.slots)
    assert optimizer.state.shared.keys() == shared
    count = sum(map(len, optimizer.state.slots)) + len(shared)
    assert len(optimizer.variables) == 2 + count
    assert len({v.path for v in optimizer.variables}) == len(optimizer.variables)
    count = len(optimizer.variables)
    optimizer.build(xs)
    assert len(optimizer.variables) == count


@pytest.mark.parametrize(("name", "case"), CONFIGURED)
def test_config_round_trip(name, case):
    optimizer = make(name, learning_rate=0.125, clipnorm=2.0, name="mine", **case)
    again = type(optimizer).from_config(optimizer.get_config())
    assert again.get_config() == optimizer.get_config()
    through_keras = keras.optimizers.get(keras.saving.serialize_keras_object(optimizer))
    assert type(through_keras) is type(optimizer)
    assert through_keras.get_config() == optimizer.get_config()


# ---- the step


@pytest.mark.parametrize("name", FEW)
def test_variables_do_not_disturb_each_other(name):
    """Unless the class says that it estimates a number from all."""
    joint = any(rule.joint for rule in layers(make(name)))
    rate = {"learning_rate": rule_of(name).trial_rate} if joint else {}
    together, far = run(make(name, **rate), VALUES, STEPS), 0.0
    for i, value in enumerate(VALUES):
        alone = run(make(name, **rate), [value], [[gs[i]] for gs in STEPS])
        far = max(far, difference([[p[i]] for p in together], alone))
    assert far > 1e-4 if joint else far < 1e-6


@pytest.mark.parametrize("name", EVERY)
def test_a_variable_without_gradient_is_left_alone(name):
    optimizer = make(name, weight_decay=0.1)
    xs = variables(VALUES)
    optimizer.build(xs)
    with pytest.warns(UserWarning, match="Gradients do not exist for variables"):
        passes.apply(optimizer, [tensor(STEPS[0][0]), None, None, tensor(STEPS[0][3])], xs)
    moved = [
        not np.array_equal(a, b)
        for a, b in zip(numbers(xs), numbers(variables(VALUES)), strict=True)
    ]
    assert moved == [True, False, False, True]


@pytest.mark.parametrize(("name", "case"), CONFIGURED)
def test_zero_gradients_and_odd_shapes_stay_finite(name, case):
    values = [np.array(2.0), np.zeros((0, 3)), np.ones((1,)), np.ones((2, 1, 3, 1))]
    zeros = [[np.zeros_like(v) for v in values]] * 3
    optimizer = make(name, **case)
    path = run(optimizer, values, zeros)
    shrinks = list(layers(optimizer))[-1].shrinks or bool(optimizer.weight_decay)
    assert (difference(path, [values] * 3) > 0.0) == shrinks
    for x in path[-1]:
        assert np.all(np.isfinite(x))


HALVES = [
    pytest.param(*given.values, dtype, id=f"{dtype}-{given.id}")
    for i, given in enumerate(CONFIGURED)
    for j, dtype in enumerate(("float16", "bfloat16"))
    if BACKEND == "torch" or i % 2 == j  # elsewhere they take turns
]


@pytest.mark.parametrize(("name", "case", "dtype"), HALVES)
def test_half_precision_follows_single_precision(name, case, dtype, monkeypatch):
    """Arithmetic and state in float32: a step of 1e-4 gradients is no NaN, and things move."""
    if dtype == "float16" or name not in FEW:  # each kernel takes its time to compile
        monkeypatch.setenv("KERAS_OPTIM_TORCH", "eager")
    tiny = [[np.sign(g) * 2.0**-13 * (1.0 + 0.5 * (g > 1)) for g in gs] for gs in STEPS]  # exact
    optimizer = make(name, learning_rate=0.1, **case)
    half = run(optimizer, VALUES, tiny, dtype=dtype)
    single = run(make(name, learning_rate=0.1, **case), VALUES, tiny)
    assert {v.dtype for v in optimizer.variables} <= {"float32", "int32", "int64"}
    size = max(np.abs(x).max() for step in single for x in step)
    unit = {"float16": 2**-11, "bfloat16": 2**-8}[dtype]
    assert difference(half, single) < 2 * len(STEPS) * unit * size


@pytest.mark.parametrize(("dtype", "unit"), [("float16", 2**-11), ("bfloat16", 2**-8)])
def test_half_precision_accumulates_in_single_precision(dtype, unit):
    """Ten gradients, of which the first would swallow the others one by one."""
    small = unit / 2
    optimizer = make("sgd", learning_rate=1.0, gradient_accumulation_steps=10)
    steps = [[np.full((3,), g)] for g in (1.0, *[small] * 9)]
    path = run(optimizer, [np.zeros(3)], steps, dtype=dtype)
    np.testing.assert_allclose(path[-1][0], -(1.0 + 9 * small) / 10, rtol=unit)


@pytest.mark.parametrize("name", FEW)
def test_a_schedule_and_a_changed_rate_are_followed(name):
    rates = [0.1, 0.1, 0.02, 0.02, 0.02, 0.02]
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([1], [0.1, 0.02])
    by_hand = run(make(name), VALUES, STEPS, rates)
    assert difference(run(make(name, learning_rate=schedule), VALUES, STEPS), by_hand) < 1e-6
    constant = run(make(name, learning_rate=0.1), VALUES, STEPS)
    only_its_first_step = rule_of(name).rate_at_start_only
    assert (difference(constant, by_hand) > 1e-4) != only_its_first_step


@pytest.mark.parametrize("name", EVERY)
def test_weights_that_are_set_are_where_it_goes_on(name):
    """No copy of the old weights pulls them back."""
    optimizer = make(name, learning_rate=0.01)
    xs = variables(VALUES)
    for gs in STEPS:
        for x in xs:
            x.assign(x + 100.0)
        before = numbers(xs)
        passes.apply(optimizer, [tensor(g) for g in gs], xs)
        assert difference([numbers(xs)], [before]) < 50.0


# ---- the options of every Keras optimizer: each against the same thing done by hand; together they
# ---- are tried with every optimizer in `test_options.py`


@pytest.mark.parametrize("name", FEW)
def test_clipping(name):
    def clipped(bound):
        return run(make(name), VALUES, [bound(gs) for gs in STEPS])

    def one_norm(gs):
        return [g * min(1.0, 0.5 / np.linalg.norm(g)) for g in gs]

    def all_norms(gs):
        norm = np.sqrt(sum(np.sum(g**2) for g in gs))
        return [g * min(1.0, 0.5 / norm) for g in gs]

    def value(gs):
        return [np.clip(g, -0.5, 0.5) for g in gs]

    for option, by_hand in {
        "clipnorm": one_norm,
        "global_clipnorm": all_norms,
        "clipvalue": value,
    }.items():
        path = run(make(name, **{option: 0.5}), VALUES, STEPS)
        assert difference(path, clipped(by_hand)) < 1e-5, option


@pytest.mark.parametrize("name", [n for n in NAMES if n not in COUPLED])
def test_weight_decay_is_decoupled_and_can_be_excluded(name):
    """A step with decay is the plain step from weights that have decayed."""
    optimizer = make(name, learning_rate=0.1, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["x1$", "x3"])
    decayed = [x if i in (1, 3) else (1 - 0.1 * 0.5) * x for i, x in enumerate(VALUES)]
    path = run(optimizer, VALUES, STEPS[:1])

    def plain():
        return make(name, learning_rate=0.1, weight_decay=0.0)

    assert difference(path, run(plain(), decayed, STEPS[:1])) < 1e-6
    assert difference(path, run(plain(), VALUES, STEPS[:1])) > 1e-3


@pytest.mark.parametrize("name", COUPLED)
def test_weight_decay_inside_the_rule_can_be_excluded(name):
    def optimizer(decay):
        optimizer = make(name, learning_rate=0.1, weight_decay=decay)
        optimizer.exclude_from_weight_decay(var_names=["x3"])
        return optimizer

    path, plain = run(optimizer(0.5), VALUES, STEPS), run(optimizer(0.0), VALUES, STEPS)
    for i in range(len(VALUES)):
        decays = i != 3 and VALUES[i].ndim >= rule_of(name).couples_decay
        change = difference([[p[i]] for p in path], [[p[i]] for p in plain])
        # The rate that a joint rule estimates may change with the decay of others, a little.
        assert change > 1e-5 if decays else change == 0.0 or rule_of(name).joint
    everywhere = run(make(name, learning_rate=0.1, weight_decay=0.5), VALUES, STEPS)
    assert difference([p[3:] for p in path], [p[3:] for p in everywhere]) > 1e-5
    assert difference(run(keras_optim.SkipNonFinite(optimizer(0.5)), VALUES, STEPS), path) < 1e-6


@pytest.mark.parametrize("name", [n for n in FEW if not make(n).averaging])
def test_moving_average_of_the_weights(name):
    optimizer = make(name, use_ema=True, ema_momentum=0.75)
    xs = variables(VALUES)
    averages = None
    for gs in STEPS:
        passes.apply(optimizer, [tensor(g) for g in gs], xs)
        now = numbers(xs)
        averages = (
            now
            if averages is None
            else [0.75 * a + 0.25 * x for a, x in zip(averages, now, strict=True)]
        )
    optimizer.finalize_variable_values(xs)
    assert difference([numbers(xs)], [averages]) < 1e-5
    assert difference([averages], [now]) > 1e-4


@pytest.mark.parametrize("name", FEW)
def test_gradient_accumulation(name):
    by_two = run(make(name, gradient_accumulation_steps=2), VALUES, STEPS[:4])
    means = [[(a + b) / 2 for a, b in zip(STEPS[i], STEPS[i + 1], strict=True)] for i in (0, 2)]
    assert difference(by_two[1::2], run(make(name), VALUES, means)) < 1e-5
    assert difference(by_two[:1], [VALUES]) < 1e-6


@pytest.mark.parametrize("name", FEW)
def test_loss_scaling(name):
    plain = run(make(name), VALUES, STEPS)
    scaled = [[1024.0 * g for g in gs] for gs in STEPS]
    assert difference(run(make(name, loss_scale_factor=1024.0), VALUES, scaled), plain) < 1e-5


# Each compiles two branches on JAX, for seconds; one of each kind of state is enough.
@pytest.mark.parametrize("name", ["sgd", "adam", "nadam", "adafactor", "lookahead(adam)"])
def test_loss_scale_optimizer(name):
    plain = run(make(name), VALUES, STEPS[:2])
    scaled = [[1024.0 * g for g in gs] for gs in STEPS]
    optimizer = keras.optimizers.LossScaleOptimizer(make(name), initial_scale=1024.0)
    xs = variables(VALUES)
    optimizer.build(xs)
    path = []
    for gs in [*scaled[:2], [g * np.inf for g in scaled[0]]]:
        apply(optimizer, [tensor(g) for g in gs], xs)
        path.append(numbers(xs))
    assert difference(path[:-1], plain) < 1e-5
    assert difference(path[-2:-1], path[-1:]) == 0.0


def apply(optimizer, gs, xs):
    """One step; on JAX stateless, as its trainer does (LossScaleOptimizer cannot do otherwise)."""
    if keras.backend.backend() != "jax":
        optimizer.apply(gs, xs)
        return
    state = [v.value for v in optimizer.variables]
    new_xs, new_state = optimizer.stateless_apply(state, gs, [x.value for x in xs])
    for v, value in zip((*xs, *optimizer.variables), (*new_xs, *new_state), strict=True):
        v.assign(value)


# ---- documentation


@pytest.mark.parametrize("row", [*ALGORITHMS, *WRAPPERS], ids=lambda row: row.name)
def test_the_docstring_is_complete(row):
    text = inspect.getdoc(row.algorithm)
    for section in (
        "$$",
        "Args:",
        "Example",
        ">>> ",
        "Reference:",
        "Differs" if row.name in KERAS else "",
    ):
        assert section in text, section
    arguments = text.partition("Args:\n")[2].partition("\n\n")[0]
    documented = re.findall(r"^    (\w+):", arguments, re.MULTILINE)
    assert documented == list(hyperparameters.own_parameters(row.algorithm.__init__))
    signature = inspect.signature(row.algorithm.__init__)
    for name in documented:
        default = signature.parameters[name].default
        said = re.search(rf"^    {name}:(.*?)(?=^    \S|\Z)", arguments, re.MULTILINE | re.DOTALL)[
            1
        ]
        if default is not inspect.Parameter.empty:
            number = re.search(r"Default `?(\([^)]*\)|[\w.-]+?)`?[.:,]?(\s|$)", said)
            assert number, f"{name}: no default in the docstring"
            value = number[1].rstrip(".")
            plain = default is None or isinstance(default, bool | tuple | str)
            same = value == str(default) if plain else float(value) == default
            assert same, f"{name}: documented {value}, is {default}"


KERAS = {n.lower() for n in dir(keras.optimizers)}


@pytest.mark.parametrize("name", EVERY)
def test_parameters_are_attributes_of_the_right_type(name):
    optimizer = make(name)
    for parameter in hyperparameters.own_parameters(type(optimizer).__init__):
        assert hasattr(optimizer, parameter)
    assert set(optimizer.get_config()) >= set(
        hyperparameters.own_parameters(type(optimizer).__init__)
    ) - ({"learning_rate"} if "(" in name else set())
    assert ops.is_tensor(ops.convert_to_tensor(optimizer.learning_rate))


def test_names_are_in_the_package():
    for row in (*ALGORITHMS, *WRAPPERS):
        assert getattr(keras_optim, row.algorithm.__name__) is row.algorithm
        assert row.algorithm.__name__ in keras_optim.__all__
    assert sorted(keras_optim.__all__) == list(keras_optim.__all__)
