"""The one function that runs every rule: sparse gradients, wide state, None, wrong calls."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_optim
from keras_optim.engine.sparse_rows import dense as dense_of
from tests.conftest import BACKEND
from tests.support.catalog_cases import EVERY, make
from tests.support.passes import apply
from tests.support.trajectories import (
    difference,
    gradients,
    numbers,
    run,
    starts,
    tensor,
    variables,
)

STEPS, VALUES = gradients(steps=4), starts()


class Distance(keras_optim.Optimizer):
    """Steps as long as the sum of all gradients' absolute values, counted over all variables."""

    shared = {"longest": 0.0}

    def measure(self, g, x, s, t, lr):
        return {"total": ops.sum(ops.abs(g))}, {}

    def pool(self, sums, s, t, lr):
        longest = ops.where(sums["total"] > s["longest"], sums["total"], s["longest"])
        return {"longest": longest}, {}

    def update(self, g, x, s, t, lr):
        return -lr * s["longest"] * ops.ones_like(x), {}


def test_measure_and_pool_reduce_over_all_variables():
    path = run(Distance(0.01), VALUES, STEPS)
    longest, expected = 0.0, VALUES
    for gs, step in zip(STEPS, path, strict=True):
        longest = max(longest, sum(np.abs(g).sum() for g in gs))
        expected = [x - 0.01 * longest for x in expected]
        assert difference([step], [expected]) < 1e-5


def test_the_reduce_works_inside_fit():
    x = np.ones((8, 2), "float32")
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(Distance(0.01), "mse")
    model.fit(x, x[:, :1], verbose=0)
    assert float(ops.convert_to_numpy(model.optimizer.state.shared["longest"].value)) > 0


class Momentless(keras_optim.Optimizer):
    """State of other shapes than the variable's, with starting values of its own."""

    slots = ("count", "start")

    def init(self, x):
        return {"count": ops.full((2,), 3.0), "start": x}

    def update(self, g, x, s, t, lr):
        return s["start"] - lr * ops.sum(s["count"]) - x, {**s, "count": s["count"] + 1.0}


def test_slots_of_any_shape_start_where_init_says():
    optimizer = Momentless(1.0)
    path = run(optimizer, VALUES, STEPS[:2])
    assert difference(path, [[v - 6.0 for v in VALUES], [v - 8.0 for v in VALUES]]) < 1e-5
    shapes = [tuple(state["count"].shape) for state in optimizer.state.slots]
    assert shapes == [(2,)] * len(VALUES)


def test_a_rule_without_update_says_so():
    class Nothing(keras_optim.Optimizer):
        """No rule."""

    with pytest.raises(NotImplementedError, match="Nothing must define `update`"):
        run(Nothing(0.1), VALUES, STEPS[:1])


@pytest.mark.parametrize("name", ["adam", "adagrad"])
def test_sparse_gradients_equal_dense_ones(name):
    """Rows that occur twice are added up before the rule sees them."""
    rows, values = np.array([1, 3, 1]), np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], "float32")
    dense = np.zeros((4, 2), "float32")
    np.add.at(dense, rows, values)
    if BACKEND == "tensorflow":
        import tensorflow as tf

        sparse = tf.IndexedSlices(tf.constant(values), tf.constant(rows), tf.constant([4, 2]))
    elif BACKEND == "torch":
        import torch

        sparse = torch.sparse_coo_tensor(
            torch.tensor(rows)[None], torch.tensor(values), (4, 2), check_invariants=True
        )
    else:
        from jax.experimental.sparse import BCOO

        sparse = BCOO((values, rows[:, None]), shape=(4, 2))
    np.testing.assert_array_equal(ops.convert_to_numpy(dense_of(sparse)), dense)
    for options in ({}, {"global_clipnorm": 1.0}, {"loss_scale_factor": 2.0}):
        start = [np.ones((4, 2))]
        expected = run(keras_optim.get(name, **options), start, [[dense]])
        xs = variables(start)
        keras_optim.get(name, **options).apply([sparse], xs)
        assert difference([numbers(xs)], expected) < 1e-7, options


def test_an_embedding_trains_alike_with_sparse_gradients():
    x = np.array([[1, 1, 2], [3, 1, 3]])
    y = np.array([0.0, 1.0])
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Embedding(5, 3), keras.layers.Flatten(), keras.layers.Dense(1)]
    model = keras.Sequential([keras.Input((3,), dtype="int32"), *layers])
    before = ops.convert_to_numpy(model.layers[0].embeddings.value).copy()
    model.compile(keras_optim.Adam(0.1), "mse")
    model.fit(x, y, epochs=2, verbose=0)
    after = ops.convert_to_numpy(model.layers[0].embeddings.value)
    moved = np.any(before != after, axis=1)
    assert moved.tolist() == [False, True, True, True, False]


def test_wrong_calls():
    optimizer = keras_optim.Adam()
    xs = variables(VALUES)
    gs = [tensor(g) for g in STEPS[0]]
    with pytest.raises(ValueError, match="one gradient per variable. Received: 3 gradients, 4"):
        optimizer.apply(gs[:3], xs)
    with pytest.raises(ValueError, match="must already be built"):
        optimizer.apply(gs)
    optimizer.build(xs)
    with pytest.raises(ValueError, match="Unknown variable"):
        optimizer.apply(gs, variables(VALUES))
    with pytest.raises(ValueError, match="Unknown variable"):
        optimizer.build(variables(VALUES))
    with pytest.raises(ValueError, match="No gradients provided for any variable"):
        optimizer.apply([None] * 4, xs)
    with pytest.raises(ValueError, match="must be called before the optimizer is built"):
        optimizer.exclude_from_weight_decay(var_names=["bias"])
    assert difference([numbers(xs)], [VALUES]) < 1e-7
    unmatched = keras_optim.Adam(weight_decay=0.1)
    unmatched.exclude_from_weight_decay(var_names=["biass"])
    with pytest.raises(ValueError, match="'biass', which matches no variable.*x0, x1"):
        unmatched.build(xs)


def test_exclusion_by_variable_and_by_path_survives_saving():
    model = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(2, name="first"), keras.layers.Dense(1, name="last")]
    )
    optimizer = keras_optim.AdamW(0.1, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(
        var_list=[model.layers[0].kernel], var_names=["last/.*", "bias"]
    )
    again = keras_optim.AdamW.from_config(optimizer.get_config())
    for one in (optimizer, again):
        one.build(model.trainable_variables)
        assert decayed(one) == [False, False, False, False]
    plain = keras_optim.AdamW(0.1)
    plain.exclude_from_weight_decay(var_names=["bias"])
    plain.build(model.trainable_variables)
    assert decayed(plain) == [True, False, True, False]


def decayed(optimizer):
    return [constants["decayed"] for constants in optimizer.state.constants]


def test_overwrite_with_gradient_variables_keep_no_state():
    xs = variables(VALUES)
    xs[1].overwrite_with_gradient = True
    optimizer = keras_optim.Adam()
    optimizer.apply([tensor(g) for g in STEPS[0]], xs)
    assert [len(state) for state in optimizer.state.slots] == [2, 0, 2, 2]
    np.testing.assert_allclose(numbers(xs)[1], STEPS[0][1])


def test_constraints_hold_after_the_step():
    [x] = xs = variables([np.array([0.5])])
    x.constraint = keras.constraints.NonNeg()
    keras_optim.SGD(10.0).apply([tensor([1.0])], xs)
    assert numbers(xs)[0][0] == 0.0


@pytest.mark.skipif(BACKEND != "tensorflow", reason="only TensorFlow traces unknown lengths")
@pytest.mark.parametrize(
    ("name", "shape"), [("adam", None), *((name, (None, 3)) for name in EVERY)]
)
def test_gradients_whose_shape_is_not_known_while_they_are_traced(name, shape):
    """As of a kernel on sequences: the gradient has its variable's shape."""
    import tensorflow as tf

    ends = []
    for signature in ([tf.TensorSpec(shape)], [tf.TensorSpec((4, 3))]):
        optimizer, [x] = make(name), variables([np.ones((4, 3))])
        optimizer.build([x])
        step = tf.function(lambda g: apply(optimizer, [g], [x]), input_signature=signature)  # noqa: B023
        step(tf.reshape(tf.range(12.0), (4, 3)))
        ends.append(numbers([x]))
    assert difference(ends[:1], ends[1:]) < 1e-6
