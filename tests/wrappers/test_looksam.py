"""LookSAM: in which steps it takes a second gradient, and what it keeps between them."""

import keras
import numpy as np
import pytest

import keras_optim
from tests.conftest import BACKEND
from tests.support.trajectories import difference, gradients, numbers, starts, tensor, variables

STEPS, VALUES = gradients(steps=7), starts()
X = np.random.default_rng(0).normal(size=(48, 4)).astype("float32")
Y = X[:, :1] * 0.5 - X[:, 1:2] + 0.3


def looksam(rule=None, **arguments):
    return keras_optim.LookSAM(rule or keras_optim.SGD(0.05), **{"refresh_period": 3, **arguments})


def test_a_loop_takes_them_every_few_steps():
    optimizer, xs, taken = looksam(), variables(VALUES), []
    for t, gs in enumerate(STEPS):

        def second(t=t, gs=gs):
            taken.append(t)
            return [tensor(2.0 * g + 1.0) for g in gs]

        optimizer.apply([tensor(g) for g in gs], xs, second=second)
    assert taken == [0, 3, 6]


class Counted(keras.layers.Layer):
    """Counts how often it runs, compiled or not."""

    runs = 0

    def call(self, x):
        if BACKEND == "jax":
            import jax

            jax.debug.callback(self.count)
        elif BACKEND == "tensorflow":
            import tensorflow as tf

            tf.py_function(self.count, [], [])
        else:
            self.count()
        return x

    def count(self):
        Counted.runs += 1


def test_in_a_compiled_fit_the_steps_between_have_one_pass():
    keras.utils.set_random_seed(0)
    counted = Counted()
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), counted])
    model.add(keras.layers.Dense(1))
    model.compile(looksam(), "mse", jit_compile=BACKEND == "jax")
    keras_optim.two_pass(model)
    model.fit(X, Y, batch_size=8, epochs=1, verbose=0)
    Counted.runs = 0
    model.fit(X, Y, batch_size=8, epochs=2, verbose=0)  # 12 steps, of which 4 look
    model.evaluate(X[:8], Y[:8], verbose=0)  # and waits for all callbacks
    assert Counted.runs == 12 + 4 + 1


@pytest.mark.parametrize(
    "options", [{}, {"global_clipnorm": 0.5, "gradient_accumulation_steps": 2}]
)
def test_a_file_between_two_looks_changes_nothing(options, tmp_path):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    rule = keras_optim.EMA(looksam(keras_optim.Adam(0.05, **options)))
    model.compile(rule, "mse")
    keras_optim.two_pass(model).fit(X[:32], Y[:32], batch_size=16, shuffle=False, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for each in (model, loaded):
        keras_optim.two_pass(each).fit(X, Y, batch_size=16, shuffle=False, verbose=0)
    assert (
        difference([numbers(model.optimizer.variables)], [numbers(loaded.optimizer.variables)]) == 0
    )
    assert difference([numbers(model.variables)], [numbers(loaded.variables)]) == 0.0


def test_clipping_is_that_of_the_combined_gradient():
    """The step has the norm that is allowed, with a second gradient and without one."""
    optimizer, xs = looksam(keras_optim.SGD(1.0, global_clipnorm=0.1)), variables(VALUES)
    for gs in STEPS[:3]:
        before = numbers(xs)
        optimizer.apply(
            [tensor(g) for g in gs], xs, second=lambda gs=gs: [tensor(3 * g - 1) for g in gs]
        )
        moved = sum(np.sum((a - b) ** 2) for a, b in zip(numbers(xs), before, strict=True))
        assert moved**0.5 == pytest.approx(0.1, rel=1e-5)


@pytest.mark.filterwarnings("ignore:Gradients do not exist for variables")
def test_variables_without_a_gradient_wait():
    optimizer, xs = looksam(), variables(VALUES)
    for gs in STEPS[:2]:
        given = [None, *(tensor(g) for g in gs[1:])]
        optimizer.apply(given, xs, second=lambda given=given: given)
    assert difference([[numbers(xs)[0]]], [[VALUES[0]]]) == 0.0
