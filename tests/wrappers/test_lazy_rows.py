"""LazyRows: rows wait; the few rows of a sparse gradient give what a dense one gives."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_optim
from keras_optim.engine import sparse_rows
from tests.conftest import BACKEND
from tests.support.catalog_cases import NAMES, make
from tests.support.trajectories import difference, numbers, run, tensor, variables

RANDOM = np.random.default_rng(5)
START = RANDOM.normal(size=(8, 3)).astype("float32")
LOOKED_UP = [[1, 1, 6], [0, 6, 6], [3, 4, 3], [1, 0, 7]]  # 2 and 5 never are
VALUES = [RANDOM.normal(size=(3, 3)).astype("float32") for _ in LOOKED_UP]
ELEMENTWISE = [n for n in NAMES if type(make(n)).elementwise and not make(n).averaging]


def dense(indices, values):
    gradient = np.zeros_like(START)
    np.add.at(gradient, indices, values)
    return gradient


def sparse(indices, values):
    if BACKEND == "tensorflow":
        import tensorflow as tf

        return tf.IndexedSlices(*map(tf.constant, (values, indices, START.shape)))
    if BACKEND == "torch":
        import torch

        return torch.sparse_coo_tensor(
            torch.tensor([indices]), torch.tensor(values), START.shape, check_invariants=True
        )
    from jax.experimental.sparse import BCOO

    return BCOO((ops.array(values), ops.array(indices)[:, None]), shape=START.shape)


GRADIENTS = {
    kind: [[make_it(i, v)] for i, v in zip(LOOKED_UP, VALUES)]
    for kind, make_it in (("dense", dense), ("sparse", sparse))
}


def lazy(name="adam", /, options=(), **arguments):
    inner = keras_optim.get(name, **arguments)
    return keras_optim.LazyRows(inner, var_names=["x0"], **dict(options))


@pytest.fixture
def written(monkeypatch):
    """The variables of which rows were written."""
    found, put = [], sparse_rows.put

    def noted(variable, gradient, new):
        found.append(variable.path)
        put(variable, gradient, new)

    monkeypatch.setattr(sparse_rows, "put", noted)
    return found


@pytest.fixture
def by_operation(monkeypatch):
    """On PyTorch: no native steps, in which rows are not written by `put`."""
    monkeypatch.setenv("KERAS_OPTIM_TORCH", "eager")


def path_of(optimizer, kind):
    xs = variables([START])
    path = []
    for gs in GRADIENTS[kind]:
        optimizer.apply([tensor(gs[0]) if kind == "dense" else gs[0]], xs)
        path.append(numbers(xs))
    return path


def test_against_a_loop_over_rows():
    """LazyAdam: Adam for each row that was looked up, bias correction by the step."""
    x, m, v = START.astype("float64"), np.zeros(START.shape), np.zeros(START.shape)
    path = []
    for t, (indices, values) in enumerate(zip(LOOKED_UP, VALUES), start=1):
        g = dense(indices, values).astype("float64")
        for row in set(indices):
            x[row] -= 0.1 * 0.01 * x[row]
            m[row] += 0.1 * (g[row] - m[row])
            v[row] += 0.001 * (g[row] ** 2 - v[row])
            x[row] -= 0.1 * m[row] / (1 - 0.9**t) / (np.sqrt(v[row] / (1 - 0.999**t)) + 1e-8)
        path.append([x.copy()])
    ours = path_of(lazy(learning_rate=0.1, weight_decay=0.01, epsilon=1e-8), "dense")
    assert difference(ours, path) < 1e-6


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_sparse_gradients_give_what_dense_ones_give(name, written, by_operation):
    first = lazy(name, learning_rate=0.1, weight_decay=0.1)
    path = path_of(first, "dense")
    assert bool(written) == (BACKEND == "torch")  # there zeros can be looked for
    written.clear()
    assert not written
    second = lazy(name, learning_rate=0.1, weight_decay=0.1)
    assert difference(path_of(second, "sparse"), path) < 1e-6
    assert len(written) == len(LOOKED_UP) * (1 + len(second.state.slots[0]))
    for ours, theirs in zip(second.variables, first.variables):
        np.testing.assert_allclose(numbers([ours])[0], numbers([theirs])[0], rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(path[-1][0][[2, 5]], START[[2, 5]])


@pytest.mark.skipif(BACKEND != "torch", reason="native steps are PyTorch's")
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_native_steps_leave_the_same_rows_alone(name, monkeypatch):
    paths, states = [], []
    for setting in ("native", "eager"):
        monkeypatch.setenv("KERAS_OPTIM_TORCH", setting)
        optimizer = lazy(name, learning_rate=0.1, weight_decay=0.1)
        paths.append(path_of(optimizer, "dense"))
        states.append(numbers(optimizer.variables))
        assert any(optimizer.state.native.steps.values()) == (setting == "native")
    assert difference(*paths) < 1e-6
    assert difference(states[:1], states[1:]) < 1e-6
    np.testing.assert_array_equal(paths[0][-1][0][[2, 5]], START[[2, 5]])


@pytest.mark.parametrize(
    "options",
    [
        {"clipnorm": 0.5},
        {"clipvalue": 0.1},
        {"global_clipnorm": 0.5},
        {"gradient_accumulation_steps": 2},
        {"loss_scale_factor": 2.0},
        {"use_ema": True},
    ],
    ids=str,
)
def test_options_see_the_whole_gradient(options):
    paths = [path_of(lazy(options=options), kind) for kind in ("dense", "sparse")]
    assert difference(*paths) < 1e-6


def test_a_wrapper_around_it_sees_all_rows(written):
    paths = [
        path_of(keras_optim.Lookahead(lazy("sgd"), sync_period=2), kind)
        for kind in ("dense", "sparse")
    ]
    assert difference(*paths) < 1e-6
    assert not written


def test_other_variables_are_updated_as_usual():
    values = [START, START[0]]
    steps = [[gs[0], g[0]] for gs, g in zip(GRADIENTS["dense"], VALUES)]
    ours = run(lazy("adam"), values, steps)
    usual = run(keras_optim.Adam(), values, steps)
    assert difference([[xs[1]] for xs in ours], [[xs[1]] for xs in usual]) == 0.0
    assert difference(ours, usual) > 1e-4


@pytest.mark.parametrize("name", ["lars", "adafactor", "lamb", "sm3"])
def test_rules_that_look_at_whole_variables_are_refused(name):
    title = type(make(name)).__name__
    with pytest.raises(ValueError, match=f"each weight by itself. Received: {title}"):
        lazy(name)
    with pytest.raises(ValueError, match="Received: Centralization"):
        keras_optim.LazyRows(keras_optim.Centralization(keras_optim.SGD()))


def test_without_an_embedding():
    with pytest.raises(ValueError, match="`var_names` got 'embeddings', which matches no variable"):
        keras_optim.LazyRows(keras_optim.SGD()).build(variables([START]))


WORDS = RANDOM.integers(0, 50, (64, 6))
LABELS = (WORDS.sum(1) % 2).astype("float32")[:, None]


def classifier(optimizer, **kwargs):
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Embedding(60, 4), keras.layers.Flatten(), keras.layers.Dense(1)]
    model = keras.Sequential([keras.Input((6,), dtype="int32"), *layers])
    model.compile(optimizer, "mse", **kwargs)
    return model


@pytest.mark.parametrize("jit", [True, False])
def test_in_fit(jit, written, by_operation):
    """On TensorFlow an embedding's gradient arrives as rows; on PyTorch they are looked for."""
    if BACKEND == "torch" and jit:
        pytest.skip("nothing here is compiled; torch.compile is tried in test_inside_keras")
    model = classifier(keras_optim.LazyRows(keras_optim.Adam(0.01)), jit_compile=jit)
    start = model.layers[0].get_weights()[0]
    loss = model.fit(WORDS, LABELS, batch_size=20, epochs=4, verbose=0).history["loss"]
    assert loss[-1] < loss[0]
    moved = np.any(model.layers[0].get_weights()[0] != start, axis=1)
    np.testing.assert_array_equal(moved, [row in WORDS for row in range(60)])
    assert bool(written) == (BACKEND != "jax")


@pytest.mark.skipif(BACKEND != "torch", reason="torch.optim needs torch")
def test_against_torch_sparse_adam():
    """Independent: torch's rule for sparse gradients."""
    import torch

    x = torch.nn.Parameter(torch.tensor(START))
    theirs = torch.optim.SparseAdam([x], lr=0.1, eps=1e-12)
    path = []
    for gs in GRADIENTS["sparse"]:
        x.grad = gs[0]
        theirs.step()
        path.append([x.detach().numpy().copy()])
    ours = path_of(lazy("adam", learning_rate=0.1, epsilon=1e-12), "sparse")
    assert difference(ours, path) < 1e-6


@pytest.mark.skipif(BACKEND != "jax", reason="BCOO is JAX's")
def test_bcoo_through_a_compiled_stateless_step(written):
    import jax

    optimizer, xs = lazy("adam", learning_rate=0.1), variables([START])
    optimizer.build(xs)
    step = jax.jit(optimizer.stateless_apply)
    state, values = [v.value for v in optimizer.variables], [x.value for x in xs]
    for gs in GRADIENTS["sparse"]:
        values, state = step(state, gs, values)
    expected = path_of(lazy("adam", learning_rate=0.1), "dense")
    assert difference([[np.asarray(values[0])]], expected[-1:]) < 1e-6
    assert written


class OnSphere(keras.constraints.Constraint):
    """Looks at all rows together."""

    def __call__(self, w):
        return w / ops.sqrt(ops.sum(w * w))


def test_sparse_rows_of_a_constrained_variable_give_what_dense_ones_give():
    """MADGRAD refers to the weights that are stored, and the constraint looks at all rows."""
    ends = []
    for kind in ("dense", "sparse"):
        [x] = xs = variables([START])
        x.constraint = OnSphere()
        optimizer = lazy("madgrad", learning_rate=0.1)
        for [gradient] in GRADIENTS[kind]:
            optimizer.apply([gradient if kind == "sparse" else tensor(gradient)], xs)
        ends.append(numbers(xs))
    assert difference(ends[:1], ends[1:]) < 1e-6


@pytest.mark.skipif(BACKEND != "tensorflow", reason="IndexedSlices is TensorFlow's")
@pytest.mark.parametrize(
    "made", [lambda: lazy("adam"), lambda: make("adafactor")], ids=["rows", "dense"]
)
def test_parts_of_a_sparse_gradient_may_be_plain_tuples(made):
    """As in Keras's own tests; TensorFlow alone cannot add these up."""
    import tensorflow as tf

    found = []
    for plain in (True, False):
        xs, optimizer = variables([START]), made()
        for indices, values in zip(LOOKED_UP, VALUES, strict=True):
            gradient = tf.IndexedSlices(tf.constant(values), tuple(indices), START.shape)
            optimizer.apply([gradient if plain else tensor(dense(indices, values))], xs)
        found.append([numbers(xs)])
    assert difference(*found) < 1e-6
