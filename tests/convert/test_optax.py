"""Runs begun with optax are continued here, and the other way round, to rounding."""

import keras
import numpy as np
import pytest

import keras_optim
from keras_optim import convert
from keras_optim.convert.optax_rows import LIBRARY
from tests.convert.halves import EXACT, FIRST, SECOND, STARTS, moved, ours_on, variables
from tests.support.trajectories import difference, numbers

if keras.backend.backend() != "jax":
    pytest.skip(
        "optax needs JAX, which is there with its own backend only", allow_module_level=True
    )

import jax
import jax.numpy as jnp
import optax

BE = dict(b1=0.8, b2=0.95, eps=1e-2)
BEGUN_THERE = [
    ("sgd", {}),
    ("sgd", dict(momentum=0.7, nesterov=True)),
    ("adam", BE),
    ("adam", dict(**BE, nesterov=True)),
    ("adamw", dict(**BE, weight_decay=0.1)),
    ("adamw", dict(**BE, weight_decay=0.1, nesterov=True)),
    ("nadam", BE),
    ("nadamw", dict(**BE, weight_decay=0.1)),
    ("adamax", BE),
    ("adamaxw", dict(**BE, weight_decay=0.1)),
    ("adabelief", dict(**BE, eps_root=1e-2)),
    ("yogi", BE),
    ("radam", dict(b1=0.8, b2=0.95, eps=1e-20, threshold=4.5)),
    ("lamb", dict(**BE, weight_decay=0.1)),
    ("novograd", BE),
    ("lion", dict(b1=0.8, b2=0.95)),
    ("rmsprop", dict(decay=0.8, eps=1e-2)),
    ("rmsprop", dict(decay=0.8, eps=1e-2, eps_in_sqrt=False)),
    ("rmsprop", dict(decay=0.8, eps=1e-2, eps_in_sqrt=False, momentum=0.6, centered=True)),
    ("adagrad", dict(initial_accumulator_value=0.2, eps=1e-2)),
    ("adadelta", dict(rho=0.8, eps=1e-2)),
    ("sign_sgd", {}),
    ("signum", dict(beta=0.7)),
    ("optimistic_gradient_descent", dict(beta=0.6)),
    ("optimistic_adam_v2", dict(**BE, beta=0.6, nesterov=False)),
]
OURS = dict(beta_1=0.8, beta_2=0.95, epsilon=1e-2)
BEGUN_HERE = [
    lambda: keras_optim.SGD(0.05),
    lambda: keras_optim.SGD(0.05, momentum=0.7),
    lambda: keras_optim.Adam(0.05, **OURS),
    lambda: keras_optim.Adam(0.05, **OURS, weight_decay=0.1),
    lambda: keras_optim.AdamW(0.05, **OURS, weight_decay=None),
    lambda: keras_optim.Adamax(0.05, **OURS, weight_decay=0.1),
    lambda: keras_optim.AdamaxW(0.05, **OURS, weight_decay=0.1),
    lambda: keras_optim.OptimisticGradientDescent(0.05, optimism=0.6),
    lambda: keras_optim.OptimisticAdam(0.05, **OURS, optimism=0.6),
    lambda: keras_optim.Nadam(0.05, **OURS, momentum_decay=1e6),
    lambda: keras_optim.NadamW(0.05, **OURS, momentum_decay=1e6),
    lambda: keras_optim.AdaBelief(0.05, **OURS),
    lambda: keras_optim.Yogi(0.05, **OURS, initial_accumulator_value=0.2),
    lambda: keras_optim.RAdam(0.05, beta_1=0.8, beta_2=0.95, epsilon=1e-20),
    lambda: keras_optim.Lamb(0.05, **OURS),
    lambda: keras_optim.NovoGrad(0.05, **OURS),
    lambda: keras_optim.Lion(0.05, beta_1=0.8),
    lambda: keras_optim.RMSprop(0.05, rho=0.8, momentum=0.6, epsilon=1e-2, centered=True),
    lambda: keras_optim.Adagrad(0.05, epsilon=1e-2, epsilon_inside_sqrt=True),
    lambda: keras_optim.Adadelta(0.05, rho=0.8, epsilon=1e-2),
    lambda: keras_optim.SignSGD(0.05),
    lambda: keras_optim.Signum(0.05, momentum=0.7),
]


def theirs_on(transformation, state, params, steps):
    """The state and the parameters after the last step, and these after each."""
    update, path = jax.jit(transformation.update), []
    for gs in steps:
        gs = [jnp.asarray(np.asarray(g, "float64")) for g in gs]
        change, state = update(gs, state, params)
        params = optax.apply_updates(params, change)
        path.append([np.asarray(p) for p in params])
    return state, params, path


def begun(transformation):
    params = [jnp.asarray(v) for v in STARTS]
    state, params, _ = theirs_on(transformation, transformation.init(params), params, FIRST)
    return state, params


@pytest.mark.parametrize(("name", "arguments"), BEGUN_THERE)
def test_begun_there(name, arguments, float64):
    theirs = getattr(optax, name)(0.05, **arguments)
    state, params = begun(theirs)
    xs = variables(params)
    ours = convert.from_optax(name, state, xs, learning_rate=0.05, **arguments)
    again, again_state = convert.to_optax(ours, params)
    path = theirs_on(theirs, state, params, SECOND)[-1]
    assert difference(ours_on(ours, xs, SECOND), path) < EXACT
    assert difference(theirs_on(again, again_state, params, SECOND)[-1], path) < EXACT
    assert moved(path, params) > 0.01


@pytest.mark.parametrize("make", BEGUN_HERE)
def test_begun_here(make, float64):
    xs, ours = variables(), make()
    ours_on(ours, xs, FIRST)
    params = [jnp.asarray(x) for x in numbers(xs)]
    theirs, state = convert.to_optax(ours, params)
    path = ours_on(ours, xs, SECOND)
    assert difference(theirs_on(theirs, state, params, SECOND)[-1], path) < EXACT


@pytest.mark.skipif(not hasattr(optax, "signum"), reason="an optax without all rows")
def test_every_row_is_tried():
    tried = {
        (type(ours), row.theirs)
        for ours, row in (
            (o, LIBRARY.write(o, o, 0.05)[0]) for o in (make() for make in BEGUN_HERE)
        )
    }
    for name, arguments in BEGUN_THERE:
        theirs = getattr(optax, name)(0.05, **arguments)
        state = theirs.init([jnp.zeros(3)])
        x = keras.Variable(np.zeros(3, "float32"))
        ours = convert.from_optax(name, state, [x], learning_rate=0.05, **arguments)
        tried.add((type(ours), name))
    assert tried == {(row.ours, row.theirs) for row in LIBRARY.rows}


def test_arguments_that_are_in_the_state(float64):
    theirs = optax.inject_hyperparams(optax.adam)(0.05, **BE)
    state, params = begun(theirs)
    xs = variables(params)
    ours = convert.from_optax("adam", state, xs)
    path = theirs_on(theirs, state, params, SECOND)[-1]
    assert difference(ours_on(ours, xs, SECOND), path) < EXACT


def test_a_schedule_and_a_mask(float64):
    rates = optax.exponential_decay(0.05, 4, 0.5)
    mask = [True, False, True, False]
    theirs = optax.adamw(rates, **BE, weight_decay=0.1, mask=mask)
    state, params = begun(theirs)
    xs = variables(params)
    arguments = dict(**BE, weight_decay=0.1, mask=mask)
    with pytest.raises(ValueError, match="`learning_rate` is a function of the step"):
        convert.from_optax("adamw", state, xs, learning_rate=rates, **arguments)
    schedule = keras.optimizers.schedules.ExponentialDecay(0.05, 4, 0.5)
    ours = convert.from_optax("adamw", state, xs, learning_rate=schedule, **arguments)
    path = theirs_on(theirs, state, params, SECOND)[-1]
    assert difference(ours_on(ours, xs, SECOND), path) < 1e-8  # Keras's schedule: single precision
    with pytest.warns(UserWarning, match="schedule is not converted; the rate is .* one, 0.0"):
        convert.to_optax(ours, params)
    ours = convert.from_optax("adamw", state, xs, learning_rate=0.05, **arguments)
    params = [jnp.asarray(x) for x in numbers(xs)]
    again, again_state = convert.to_optax(ours, params)
    path = ours_on(ours, xs, FIRST)
    assert difference(theirs_on(again, again_state, params, FIRST)[-1], path) < EXACT


def test_what_differs_is_what_the_table_says(float64):
    """RAdam: with the epsilon that it gives for each step, the trajectories are equal."""
    theirs = optax.radam(0.05, **BE)
    state, params = begun(theirs)
    xs = variables(params)
    ours = convert.from_optax("radam", state, xs, learning_rate=0.05, **BE)
    path = theirs_on(theirs, state, params, SECOND)[-1]
    exactly = []
    for t, gs in enumerate(SECOND, start=9):
        ours.epsilon = 1e-2 * np.sqrt(1 - 0.95**t)
        exactly += ours_on(ours, xs, [gs])
    assert difference(exactly, path) < EXACT


def test_a_tree_of_parameters(float64):
    """Leaves in their order; the state has the tree's form."""
    params = {"b": jnp.ones((2,)), "a": {"kernel": jnp.ones((2, 3))}}
    theirs = optax.adam(0.05)
    xs = variables(jax.tree.leaves(params))
    ours = convert.from_optax("adam", theirs.init(params), xs, learning_rate=0.05)
    assert [tuple(v.shape) for v in xs] == [(2, 3), (2,)]
    _, state = convert.to_optax(ours, params)
    assert jax.tree.structure(state) == jax.tree.structure(theirs.init(params))


def adam_state(**arguments):
    return optax.adam(0.1, **arguments).init([jnp.zeros(v.shape) for v in STARTS])


REFUSED = {
    "the maximum": ("amsgrad", adam_state, {}, "maximum of the corrected"),
    "no such function": ("adma", adam_state, {}, "not in the table, which has: sgd, adam"),
    "a corrected mean": (
        "rmsprop",
        lambda: optax.rmsprop(0.1, bias_correction=True).init([jnp.zeros(3)]),
        {"bias_correction": True},
        "`bias_correction` must be False. Received: bias_correction=True",
    ),
    "two epsilons": ("adabelief", adam_state, dict(eps_root=0.5), "`eps_root` must be 1e-16 too"),
    "a state of another": (
        "lion",
        adam_state,
        {},
        r"the state holds `nu` \(ScaleByAdamState\), which optax.lion does not keep",
    ),
    "too little state": (
        "adam",
        lambda: optax.lion(0.1).init([jnp.zeros(v.shape) for v in STARTS]),
        {},
        "the state has no `nu`",
    ),
    "other variables": ("adam", lambda: optax.adam(0.1).init([jnp.zeros(3)]), {}, "4 variables, 1"),
    "other shapes": (
        "adam",
        lambda: optax.adam(0.1).init([jnp.zeros(7)] * 4),
        {},
        r"state `momentum` of x0 must have the shape \(\). Received: shape \(7,\)",
    ),
    "around it": (
        "adam",
        lambda: optax.MultiSteps(optax.adam(0.1), 2).init([jnp.zeros(v.shape) for v in STARTS]),
        {},
        "MultiStepsState",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_has_no_counterpart_here_is_said(case, float64):
    name, state, arguments, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        convert.from_optax(name, state(), variables(), learning_rate=0.1, **arguments)


def test_an_argument_that_it_does_not_have(float64):
    with pytest.raises(TypeError, match="beta_1"):
        convert.from_optax("adam", adam_state(), variables(), learning_rate=0.1, beta_1=0.5)


REFUSED_HERE = {
    "not built": (lambda: keras_optim.Adam(), "to_optax: the optimizer is not built"),
    "clipping": (
        lambda: keras_optim.Adam(global_clipnorm=1.0),
        "`global_clipnorm` has no counterpart.*chain `optax.clip_by_global_norm` there",
    ),
    "a schedule of the momentum": (lambda: keras_optim.Nadam(), "must be 1000000.0"),
    "a wrapper": (lambda: keras_optim.EMA(keras_optim.Adam()), "EMA to optax: no algorithm"),
}


@pytest.mark.parametrize("case", REFUSED_HERE)
def test_what_has_no_counterpart_there_is_said(case):
    make, message = REFUSED_HERE[case]
    ours = make()
    if case != "not built":
        ours.build([keras.Variable(v) for v in STARTS])
    with pytest.raises(ValueError, match=message):
        convert.to_optax(ours, [jnp.zeros(v.shape) for v in STARTS])
    with pytest.raises(ValueError, match="to"):
        convert.to_optax(ours, [jnp.zeros(7)] * 4)
