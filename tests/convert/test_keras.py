"""Runs begun in Keras's built-in optimizers are continued here, and the other way round."""

import keras
import numpy as np
import pytest

import keras_optim
from keras_optim import convert
from keras_optim.convert.keras_rows import LIBRARY
from tests.convert.halves import EXACT, FIRST, SECOND, STARTS, moved, ours_on, variables
from tests.support.trajectories import difference, numbers

BACKEND = keras.backend.backend()


# Numbers that Keras's own optimizers round to single precision.
ROUNDED = {
    "Adafactor": ("jax", "torch"),  # `ops.mean`
    "AdamW": ("tensorflow",),  # the weight decay
    "Nadam": ("tensorflow",),  # 0.96
}


def precision(name):
    return 1e-7 if BACKEND in ROUNDED.get(name, ()) else EXACT


BE = dict(beta_1=0.75, beta_2=0.9375, epsilon=1 / 64)
TINY = dict(beta_1=0.75, beta_2=0.9375, epsilon=1e-20)  # where only epsilon is placed otherwise
BEGUN_THERE = {
    "SGD": [{}, dict(momentum=0.75), dict(momentum=0.75, nesterov=True, weight_decay=0.25)],
    "Adam": [TINY, dict(**TINY, amsgrad=True), dict(**TINY, weight_decay=0.25)],
    "AdamW": [dict(**TINY, weight_decay=0.25), dict(**TINY, amsgrad=True)],
    "Adamax": [TINY],
    "Nadam": [BE],
    "RMSprop": [
        dict(rho=0.75, epsilon=1 / 64),
        dict(rho=0.75, momentum=0.5, epsilon=1 / 64, centered=True, weight_decay=0.25),
    ],
    "Adagrad": [dict(initial_accumulator_value=0.25, epsilon=1 / 64)],
    "Adadelta": [dict(rho=0.75, epsilon=1 / 64)],
    "Adafactor": [dict(beta_2_decay=-0.75, epsilon_2=0.5), dict(relative_step=False)],
    "Ftrl": [
        dict(initial_accumulator_value=0.5, beta=0.125, l2_regularization_strength=0.125),
        dict(l1_regularization_strength=2.0, learning_rate_power=-0.75),
        dict(l2_shrinkage_regularization_strength=0.25, beta=0.125),
    ],
    "Lion": [dict(beta_1=0.75, beta_2=0.9375, weight_decay=0.25)],
    "Lamb": [BE],
}
THERE = [(name, arguments) for name, cases in BEGUN_THERE.items() for arguments in cases]


def theirs_of(name, **arguments):
    return getattr(keras.optimizers, name)(learning_rate=0.0625, **arguments)


@pytest.mark.parametrize(("name", "arguments"), THERE)
def test_begun_there(name, arguments, float64):
    xs, theirs = variables(), theirs_of(name, **arguments)
    ours_on(theirs, xs, FIRST)
    middle = numbers(xs)
    ours = convert.from_keras(theirs)
    again = convert.to_keras(ours)
    path = ours_on(theirs, xs, SECOND)
    for optimizer in (ours, again):
        for x, value in zip(xs, middle):
            x.assign(value)
        assert difference(ours_on(optimizer, xs, SECOND), path) < precision(name)
        assert int(optimizer.iterations) == 16
    assert moved(path, middle) > 0.01


HERE = [
    lambda: keras_optim.SGD(0.0625, momentum=0.75, nesterov=True),
    lambda: keras_optim.SGDW(0.0625, momentum=0.75, weight_decay=0.25),
    lambda: keras_optim.AdamaxW(0.0625, 0.25, **TINY),
    lambda: keras_optim.Adam(0.0625, **TINY, weight_decay=0.25),
    lambda: keras_optim.AdamW(0.0625, None, **TINY),
    lambda: keras_optim.AMSGrad(0.0625, **TINY),
    lambda: keras_optim.Adamax(0.0625, **TINY),
    lambda: keras_optim.Nadam(0.0625, **BE, momentum_decay=1.0),
    lambda: keras_optim.NadamW(0.0625, 0.25, **BE, momentum_decay=1.0),
    lambda: keras_optim.RMSprop(0.0625, rho=0.75, momentum=0.5, epsilon=1e-20),
    lambda: keras_optim.RMSprop(0.0625, 0.75, epsilon=1 / 64, epsilon_inside_sqrt=True),
    lambda: keras_optim.Adagrad(0.0625, 0.25, epsilon=1 / 64, epsilon_inside_sqrt=True),
    lambda: keras_optim.Adadelta(0.0625, rho=0.75, epsilon=1 / 64),
    lambda: keras_optim.Adafactor(0.0625, beta_2_decay=-0.75),
    lambda: keras_optim.Ftrl(
        0.0625, l1_regularization_strength=0.5, l2_regularization_strength=0.25
    ),
    lambda: keras_optim.Lion(0.0625, beta_1=0.75),
    lambda: keras_optim.Lamb(0.0625, **BE),
]


@pytest.mark.parametrize("make", HERE)
def test_begun_here(make, float64):
    xs, ours = variables(), make()
    ours_on(ours, xs, FIRST)
    middle = numbers(xs)
    theirs = convert.to_keras(ours)
    path = ours_on(ours, xs, SECOND)
    for x, value in zip(xs, middle):
        x.assign(value)
    assert difference(ours_on(theirs, xs, SECOND), path) < precision(type(theirs).__name__)


def test_every_row_is_tried():
    tried = set()
    for name, arguments in THERE:
        tried.add(id(LIBRARY.read(name, theirs_of(name, **arguments).get_config())[0]))
    for make in HERE:
        ours = make()
        tried.add(id(LIBRARY.write(ours, ours, 0.0625)[0]))
    rows = {id(row): row for row in LIBRARY.rows}
    untried = [rows[i].theirs for i in set(rows) - tried]
    assert untried == []


def test_every_class_is_known():
    known = {row.theirs for row in LIBRARY.rows} | set(LIBRARY.refused)
    for name, value in vars(keras.optimizers).items():
        is_class = isinstance(value, type) and issubclass(value, keras.optimizers.Optimizer)
        assert not is_class or name == "Optimizer" or name in known, name


EPSILON = {
    "Adam": lambda t: 1 / 64 / np.sqrt(1 - 0.9375**t),
    "AdamW": lambda t: 1 / 64 / np.sqrt(1 - 0.9375**t),
}


@pytest.mark.parametrize("name", EPSILON)
def test_what_differs_is_what_the_table_says(name, float64):
    """With the epsilon that it gives for each step, the trajectories are equal."""
    xs, theirs = variables(), theirs_of(name, **BE)
    ours_on(theirs, xs, FIRST)
    middle = numbers(xs)
    ours = convert.from_keras(theirs)
    path = ours_on(theirs, xs, SECOND)
    plainly, exactly = [], []
    for steps, epsilon in ((plainly, None), (exactly, EPSILON[name])):
        optimizer = type(ours).from_config(ours.get_config())
        for x, value in zip(xs, middle):
            x.assign(value)
        optimizer.build(xs)
        store = {}
        ours.save_own_variables(store)
        optimizer.load_own_variables(store)
        for t, gs in enumerate(SECOND, start=9):
            optimizer.epsilon = epsilon(t) if epsilon else optimizer.epsilon
            steps += ours_on(optimizer, xs, [gs])
    assert difference(exactly, path) < precision(name)
    assert 1e-5 < difference(plainly, path) < 0.02 * moved(path, middle)


def test_a_schedule_and_all_options_come_along(float64):
    schedule = keras.optimizers.schedules.ExponentialDecay(0.0625, 4, 0.5)
    options = dict(clipnorm=1.0, use_ema=True, ema_momentum=0.75, gradient_accumulation_steps=3)
    xs = variables(STARTS[:2])
    theirs = keras.optimizers.Lion(schedule, beta_1=0.75, weight_decay=0.25, **options)
    theirs.exclude_from_weight_decay(var_list=xs[1:2])
    first, second = ([gs[:2] for gs in half] for half in (FIRST[:4], SECOND[:3]))
    ours_on(theirs, xs, first)  # in the middle of an accumulation
    middle = numbers(xs)
    ours = convert.from_keras(theirs)
    again = convert.to_keras(ours)
    path = ours_on(theirs, xs, second)
    theirs.finalize_variable_values(xs)
    average = numbers(xs)
    for optimizer in (ours, again):
        for x, value in zip(xs, middle):
            x.assign(value)
        assert difference(ours_on(optimizer, xs, second), path) < 2e-6  # Keras's schedule: float32
        optimizer.finalize_variable_values(xs)
        assert difference([numbers(xs)], [average]) < 2e-6
    assert ours.get_config()["exclude_from_weight_decay"] == [
        {"path": "x1", "position": 1, "of": 2}
    ]


REFUSED = {
    "not built": (lambda: keras.optimizers.Adam(), "from_keras: the optimizer is not built"),
    "ours": (lambda: keras_optim.Adam(), "must be one of `keras.optimizers`"),
    "around another": (
        lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam()),
        "LossScaleOptimizer of keras.optimizers .* convert its `inner_optimizer`",
    ),
    "Muon": (lambda: keras.optimizers.Muon(), "it takes other variables"),
    "a decay beside the ratio": (
        lambda: keras.optimizers.Lamb(weight_decay=0.1),
        "Lamb's decay is beside the ratio there",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_has_no_counterpart_here_is_said(case):
    make, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        convert.from_keras(make())


REFUSED_HERE = {
    "not built": (lambda: keras_optim.Adam(), "to_keras: the optimizer is not built"),
    "another schedule": (
        lambda: keras_optim.Nadam(),
        "Nadam to keras.optimizers .* `momentum_decay` must be 1.0. Received: momentum_decay=0.004",
    ),
    "epsilon outside": (lambda: keras_optim.Adagrad(), "`epsilon_inside_sqrt` must be True"),
    "a wrapper": (lambda: keras_optim.EMA(keras_optim.Adam()), "EMA to keras.optimizers: no"),
}


@pytest.mark.parametrize("case", REFUSED_HERE)
def test_what_has_no_counterpart_there_is_said(case):
    make, message = REFUSED_HERE[case]
    ours = make()
    if case != "not built":
        ours.build([keras.Variable(v) for v in STARTS])
    with pytest.raises(ValueError, match=message):
        convert.to_keras(ours)


def test_a_momentum_that_holds_a_rate_of_zero():
    x = keras.Variable([1.0])
    theirs = keras.optimizers.SGD(0.1, momentum=0.9)
    theirs.apply([keras.ops.ones(1)], [x])
    theirs.learning_rate = 0.0
    with pytest.raises(ValueError, match="cannot be divided by a rate of 0"):
        convert.from_keras(theirs)


def test_a_model_goes_on_with_the_converted_optimizer():
    keras.utils.set_random_seed(0)
    data = np.random.default_rng(0).normal(size=(32, 3)).astype("float32")
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Lion(0.05), "mse")

    def fit():
        model.fit(data, data[:, :1], batch_size=8, shuffle=False, verbose=0)
        return model.get_weights()

    fit()
    middle, state = model.get_weights(), [v.numpy() for v in model.optimizer.variables]
    expected = fit()
    for v, value in zip(model.optimizer.variables, state):
        v.assign(value)
    model.set_weights(middle)
    model.compile(convert.from_keras(model.optimizer), "mse")
    for value, other in zip(fit(), expected):
        np.testing.assert_allclose(value, other, atol=1e-6)
    assert int(model.optimizer.iterations) == 8
