"""TensorFlow: a change is added to the variable in place, in one operation."""

from collections import Counter

import keras
import numpy as np
import pytest

import keras_optim

if keras.backend.backend() != "tensorflow":
    pytest.skip("of TensorFlow's graphs", allow_module_level=True)
import tensorflow as tf

ADDED = "AssignAddVariableOp"


def traced(optimizer, count=5, dtype="float32"):
    """A step on some variables, and how many operations of each type reach a write."""
    xs = [keras.Variable(np.ones((3, n + 1)), dtype=dtype) for n in range(count)]
    gs = [tf.ones(x.shape, dtype) for x in xs]
    optimizer.build(xs)
    step = tf.function(lambda: optimizer.apply(gs, xs))
    operations = step.get_concrete_function().graph.get_operations()
    needed, stack = set(), [o for o in operations if o.type.startswith("Assign")]
    while stack:
        operation = stack.pop()
        if operation not in needed:
            needed.add(operation)
            stack += [value.op for value in operation.inputs]
    return xs, step, Counter(o.type for o in needed)


def test_a_change_is_added_in_one_operation():
    _, _, found = traced(keras_optim.SGD(0.1))
    assert found[ADDED] == found["Mul"] == 5
    assert found["Sub"] == found["AddV2"] - 1 == 0  # the count of steps
    assert found["AssignVariableOp"] == 1


def test_a_step_back_is_subtracted_in_one_operation():
    _, _, found = traced(keras_optim.LARS(0.1, momentum=0.5))
    assert found["AssignSubVariableOp"] == 5 and found[ADDED] == found["Neg"] == 0


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd", "lion", "lamb"])
def test_no_more_operations_on_each_variable_than_keras_has(name):
    def each(make):
        few, many = (sum(traced(make(), count)[2].values()) for count in (5, 10))
        return (many - few) / 5

    title = {"adam": "Adam", "adamw": "AdamW", "sgd": "SGD", "lion": "Lion", "lamb": "Lamb"}[name]
    ours, theirs = each(lambda: keras_optim.get(name)), each(getattr(keras.optimizers, title))
    assert ours <= theirs


@pytest.mark.parametrize(("name", "kind"), [("aggmo", ADDED), ("lars", "AssignSubVariableOp")])
@pytest.mark.parametrize(
    ("options", "dtype"),
    [
        ({}, "float32"),
        ({"use_ema": True}, "float32"),
        ({"gradient_accumulation_steps": 2}, "float32"),
        ({}, "float16"),
    ],
)
def test_numbers_are_those_of_eager_steps(options, dtype, name, kind):
    ends = []
    for eager in (False, True):
        optimizer = keras_optim.get(name, learning_rate=0.1, **options)
        xs, step, found = traced(optimizer, dtype=dtype)
        assert found[kind] == (5 if dtype == "float32" else 0) or options
        gs = [tf.ones(x.shape, dtype) for x in xs]
        for _ in range(4):
            optimizer.apply(gs, xs) if eager else step()
        ends.append([x.numpy() for x in xs])
    for graph, plain in zip(*ends, strict=True):
        np.testing.assert_allclose(graph, plain, rtol=2e-3 if dtype == "float16" else 1e-6)
