"""The loss in the step: in `fit`, with Keras's options, in loops of one's own, and refused."""

import importlib

import keras
import numpy as np
import pytest
from keras import ops

import keras_optim
from tests.conftest import BACKEND
from tests.support.trajectories import (
    RATES,
    difference,
    gradients,
    joined,
    numbers,
    split,
    starts,
    tensor,
    variables,
)

random = np.random.default_rng(0)
X = random.normal(size=(48, 4)).astype("float32")
Y = X[:, :1] * 0.5 - X[:, 1:2] + 0.3
LINE = r"keras_optim.two_pass\(model\)"
STEPS, VALUES = gradients(steps=8), starts()
LOSSES = [3.0, 1.0, 2.5, 0.2, 4.0, 0.1, 2.0, 1.0]


@pytest.mark.parametrize("name", ["momo", "momoadam"])
def test_losses_that_change_from_step_to_step(name, float64):
    """Compared with the paper; elsewhere the loss is the same at each step."""
    module = importlib.import_module(f"tests.references.{name}")
    for case in module.CASES:
        optimizer, xs = keras_optim.get(name, **case), variables(VALUES, "float64")
        rates = [module.RATE * rate for rate in RATES[: len(STEPS)]]
        steps = [joined(gs) for gs in STEPS]
        path = getattr(module, name)(joined(VALUES), steps, rates, losses=LOSSES, **case)
        for gs, rate, loss, expected in zip(STEPS, rates, LOSSES, path, strict=True):
            optimizer.learning_rate = rate
            optimizer.apply([tensor(g, "float64") for g in gs], xs, loss=loss)
            assert difference([numbers(xs)], [split(expected, VALUES)]) < 1e-10


def network(layers=()):
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((4,)), *layers, keras.layers.Dense(1)])


def least_squares(model, rate, optimizer, batches, period=1):
    """Train the line by hand: `apply` with the loss of each batch, regularised by 0.1."""
    xs = [keras.Variable(w) for w in model.get_weights()]
    for i in range(0, len(batches), period):
        sums, total = [0.0, 0.0], 0.0
        for x, y in batches[i : i + period]:
            w, b = (np.array(ops.convert_to_numpy(v), "float64") for v in xs)
            rest = x @ w + b - y
            total += (np.mean(rest**2) + 0.1 * np.sum(w**2)) / period
            slopes = 2 * x.T @ rest / len(x) + 0.2 * w, 2 * np.mean(rest, axis=0)
            sums = [s + slope / period for s, slope in zip(sums, slopes, strict=True)]
        optimizer.apply([tensor(g) for g in sums], xs, loss=np.float32(total))
    return numbers(xs)


OPTIONS = {
    "plain": {},
    "eager": {"run_eagerly": True},
    "compiled": {"jit_compile": True},
    "in a scope of scaled losses": {"auto_scale_loss": True},
}


@pytest.mark.parametrize("period", [1, 3])
@pytest.mark.parametrize("option", OPTIONS)
def test_fit_hands_over_the_loss(option, period):
    """Its regulariser included, before scaling; a mean over accumulated batches."""
    if option == "compiled" and BACKEND == "torch":
        pytest.skip("on PyTorch, `jit_compile` is torch.compile of the whole step")
    layer = keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L2(0.1))
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), layer])
    batches = [(X[i : i + 16], Y[i : i + 16]) for i in range(0, len(X), 16)] * 2
    arguments = {"learning_rate": 100.0, "beta": 0.5}
    expected = least_squares(model, 100.0, keras_optim.MoMo(**arguments), batches, period)
    steps = None if period == 1 else period
    optimizer = keras_optim.MoMo(**arguments, gradient_accumulation_steps=steps)
    if option.startswith("in a scope"):
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=1024.0)
    model.compile(optimizer, "mse", **OPTIONS[option])
    keras_optim.two_pass(model)
    model.fit(X, Y, batch_size=16, epochs=2, shuffle=False, verbose=0)
    assert difference([model.get_weights()], [expected]) < 1e-5


def test_dropout_and_wrappers():
    """The loss is that of the masks that the gradients have: with a high rate they are one."""
    seen = []
    for _ in range(2):
        model = network([keras.layers.Dropout(0.5, seed=1), keras.layers.BatchNormalization()])
        optimizer = keras_optim.EMA(keras_optim.AdaptiveClipping(keras_optim.MoMo(0.1, beta=0.0)))
        model.compile(optimizer, "mse")
        keras_optim.two_pass(model)
        tested = keras_optim.callbacks.EvaluateAveraged(data=X)
        fit = model.fit(X, Y, batch_size=48, epochs=1, verbose=0, callbacks=[tested])
        history = fit.history["loss"]
        [held] = [v for n, v in optimizer.state.shared.items() if n == "loss"]
        np.testing.assert_allclose(ops.convert_to_numpy(held.value), history[-1], rtol=1e-5)
        seen.append(history)
    assert seen[0] == seen[1]


def test_what_is_missing_is_said():
    model = network()
    model.compile(keras_optim.MoMo(), "mse")
    with pytest.raises(ValueError, match=LINE):
        model.fit(X, Y, verbose=0)
    assert len(model.get_weights()) == 2
    with pytest.raises(ValueError, match="each step needs the loss"):
        keras_optim.EMA(keras_optim.MoMo()).apply([tensor(np.ones(3))], variables([np.ones(3)]))
    with pytest.raises(ValueError, match="`loss` must be one number"):
        gradient, x = [tensor(np.ones(3))], variables([np.ones(3)])
        keras_optim.MoMo().apply(gradient, x, loss=np.ones(2))
    with pytest.raises(ValueError, match="the loss that MoMo sees is that of all variables"):
        keras_optim.Route({".": keras_optim.MoMo()})


@pytest.mark.skipif(BACKEND == "tensorflow", reason="Keras refuses stateless_apply there")
def test_a_loop_without_state():
    """As JAX's loops have it."""
    optimizer, twin = keras_optim.MoMo(100.0), keras_optim.MoMo(100.0)
    [x], [y] = variables([VALUES[1]]), variables([VALUES[1]])
    optimizer.build([x])
    values, state = [x.value], [v.value for v in optimizer.variables]
    for gs, loss in zip(STEPS, LOSSES, strict=True):
        g = tensor(gs[1])
        values, state = optimizer.stateless_apply(state, [g], values, loss=loss)
        twin.apply([g], [y], loss=loss)
    assert difference([[ops.convert_to_numpy(values[0])]], [numbers([y])]) < 1e-6


@pytest.mark.skipif(BACKEND != "tensorflow", reason="tf.distribute is TensorFlow's")
def test_replicas_with_losses_of_their_own_are_refused():
    import tensorflow as tf

    with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
        model = network()
        model.compile(keras_optim.MoMo(), "mse")
    keras_optim.two_pass(model)
    with pytest.raises(ValueError, match="each replica has a loss of its own"):
        model.fit(X, Y, verbose=0)
