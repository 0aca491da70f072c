"""The options of Keras as one function: its own `apply`, on any backend, is the oracle."""

import itertools

import keras
import numpy as np
import pytest

import keras_optim
from tests.conftest import BACKEND
from tests.support.trajectories import difference, gradients, numbers, starts, tensor, variables

if BACKEND == "tensorflow":
    pytest.skip("Keras's own `apply` runs there", allow_module_level=True)

STEPS, VALUES = gradients(steps=7), starts()
SCHEDULE = keras_optim.schedules.Warmup(0.1, 3)
OPTIONS = {
    "accumulated": {"gradient_accumulation_steps": 3},
    "clipped": {"global_clipnorm": 1.0},
    "each clipped": {"clipnorm": 0.5, "loss_scale_factor": 2.0},
    "averaged": {"use_ema": True, "ema_momentum": 0.5},
    "overwritten": {"use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 2},
    "all": {
        "gradient_accumulation_steps": 2,
        "global_clipnorm": 1.0,
        "loss_scale_factor": 4.0,
        "use_ema": True,
        "weight_decay": 0.1,
        "learning_rate": SCHEDULE,
    },
}
DTYPES = ("float32", "bfloat16")


class Nadam(keras_optim.Nadam):
    """With a hook of its own, so that Keras makes the step."""

    def on_variables(self, variables):
        super().on_variables(variables)


def eagerly(optimizer, xs, chosen):
    for gs, places in zip(STEPS, chosen, strict=True):
        optimizer.apply([tensor(gs[i], xs[i].dtype) for i in places], [xs[i] for i in places])
        yield numbers([*xs, *optimizer.variables])


def compiled(optimizer, xs, chosen):
    """Each step as the trainers make it: without a choice of variables."""
    if BACKEND == "torch":
        yield from eagerly(optimizer, xs, chosen)
        return
    import jax

    step = jax.jit(optimizer.stateless_apply)
    values, state = [x.value for x in xs], [v.value for v in optimizer.variables]
    for gs in STEPS:
        given = [tensor(g, x.dtype) for g, x in zip(gs, xs, strict=True)]
        values, state = step(state, given, values)
        yield [np.asarray(v, "float64") for v in (*values, *state)]


ALL = [[0, 1, 2, 3]] * len(STEPS)
SOME = [[0, 1, 2, 3], [1, 2], [3], [0, 1, 2, 3], [2, 1, 0], [0, 3], [1]]


@pytest.mark.parametrize(
    ("way", "chosen"),
    [(eagerly, ALL), (eagerly, SOME), (compiled, ALL)],
    ids=["all", "some", "jit"],
)
@pytest.mark.parametrize(("option", "dtype"), list(itertools.product(OPTIONS, DTYPES)))
def test_weights_and_state_are_those_of_keras(option, dtype, way, chosen):
    paths = []
    for kind in (keras_optim.Nadam, Nadam):
        optimizer = kind(**{"learning_rate": 0.1, **OPTIONS[option]})
        xs = variables(VALUES, dtype)
        xs[2].constraint = keras.constraints.MaxNorm(1.0)
        optimizer.build(xs)
        paths.append(list(way(optimizer, xs, chosen)))
    assert difference(*paths) < 1e-6


@pytest.mark.skipif(BACKEND != "jax", reason="PyTorch counts in Python")
@pytest.mark.parametrize("jit", [False, True])
def test_a_step_that_only_accumulates_runs_no_rule(jit):
    import jax

    calls = []

    class Counted(keras_optim.SGD):
        def update(self, g, x, s, t, lr):
            jax.debug.callback(lambda _: calls.append(1), x)
            return super().update(g, x, s, t, lr)

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, use_bias=False)])
    model.compile(Counted(0.1, gradient_accumulation_steps=4), "mse", jit_compile=jit)
    model.fit(np.ones((8, 2)), np.ones((8, 1)), batch_size=1, verbose=0)
    jax.effects_barrier()
    assert len(calls) == 2


@pytest.mark.parametrize("value", [np.zeros(2), np.full(2, np.nan)], ids=["zero", "NaN"])
def test_a_global_norm_of_nothing_or_none(value):
    ends = []
    for kind in (keras_optim.Nadam, Nadam):
        optimizer, xs = kind(0.1, global_clipnorm=1.0), variables([np.ones(2)])
        optimizer.apply([tensor(value)], xs)
        ends.append(numbers(xs)[0])
    np.testing.assert_array_equal(*ends)
