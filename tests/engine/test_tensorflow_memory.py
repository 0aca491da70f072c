"""TensorFlow: large variables one after the other."""

import keras
import numpy as np
import pytest

import keras_optim
from keras_optim.engine import tensorflow_memory

if keras.backend.backend() != "tensorflow":
    pytest.skip("elsewhere a step is one call", allow_module_level=True)
import tensorflow as tf


def traced(optimizer, size, count=8):
    """Variables, and a step on them as a graph."""
    values = np.random.default_rng(0).normal(size=(2, count, size)).astype("float32")
    xs = [keras.Variable(x) for x in values[0]]
    gs = [tf.constant(g) for g in values[1]]
    optimizer.build(xs)
    return xs, tf.function(lambda: optimizer.apply(gs, xs)).get_concrete_function()


def waits(function):
    """For each operation that waits for the step of a variable: the variables' numbers."""
    operations = function.graph.get_operations()
    new = {o.inputs[1].op: n for n, o in enumerate(writes(operations))}
    return [
        (number, new[other])
        for number, write in enumerate(writes(operations))
        for operation in ancestors(write.inputs[1].op)
        for other in operation.control_inputs
        if other in new
    ]


def writes(operations):
    """The operations that add a change to a weight in place."""
    added = [o for o in operations if o.type == "AssignAddVariableOp"]
    return [o for o in added if o.inputs[1].shape.rank == 1]  # not the count of steps


def ancestors(operation):
    found, stack = set(), [operation]
    while stack:
        operation = stack.pop()
        if operation not in found:
            found.add(operation)
            stack += [value.op for value in operation.inputs]
    return found


def test_large_variables_wait_for_those_behind_them():
    _, step = traced(keras_optim.SGD(0.1, momentum=0.5), tensorflow_memory.LARGE)
    found = set(waits(step))
    assert found == {(n, n + tensorflow_memory.LANES) for n in range(8 - tensorflow_memory.LANES)}


@pytest.mark.parametrize(
    ("momentum", "size"), [(0.5, tensorflow_memory.LARGE - 1), (0.0, tensorflow_memory.LARGE)]
)
def test_small_ones_and_those_without_slots_do_not_wait(momentum, size):
    _, step = traced(keras_optim.SGD(0.1, momentum=momentum), size)
    assert writes(step.graph.get_operations()) and not waits(step)


@pytest.mark.parametrize("compiled", [False, True])
def test_numbers_are_those_of_small_variables(compiled, monkeypatch):
    def trained(large):
        monkeypatch.setattr(tensorflow_memory, "LARGE", large)
        optimizer = keras_optim.Lamb(0.1)
        xs, _ = traced(optimizer, 100)
        gs = [tf.ones(100) * n for n in range(len(xs))]
        step = tf.function(lambda: optimizer.apply(gs, xs), jit_compile=compiled)
        for _ in range(3):
            step()
        return np.array([x.numpy() for x in xs])

    waiting, alone = trained(1), trained(1000)
    # TensorFlow fuses them differently: a rounding of numbers near one.
    np.testing.assert_allclose(waiting, alone, rtol=1e-6, atol=1e-7)
    assert np.isfinite(waiting).all()
