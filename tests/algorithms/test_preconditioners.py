"""Rules on Kronecker statistics: how often they do costly work, and what is special in each."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_optim
from keras_optim import matrix
from keras_optim.algorithms import shampoo
from keras_optim.state import evaluation_weights
from tests.conftest import BACKEND, one_backend
from tests.support.trajectories import (
    difference,
    expected,
    gradients,
    numbers,
    run,
    starts,
    tensor,
    variables,
)

STEPS, VALUES = gradients(steps=8), starts()


def rates(count, rate=0.1):
    return [rate] * count


# ---- costly work


SEEN, NOW = [], []


def noted(x):
    """Return `x`, and note the step at which it is computed."""
    if BACKEND == "jax":
        import jax

        jax.debug.callback(lambda t: SEEN.append(int(t)), NOW[-1])
    elif BACKEND == "tensorflow":
        import tensorflow as tf

        told = tf.py_function(lambda t: (SEEN.append(int(t)), t)[1], NOW[-1:], NOW[-1].dtype)
        with tf.control_dependencies([told]):
            return tf.identity(x)
    else:
        SEEN.append(int(NOW[-1]))
    return x


class Noting:
    """A rule that says at which step it does its costly work, once for each side."""

    def together(self, gs, ss, t):
        NOW.append(t)
        return super().together(gs, ss, t)


class Roots(Noting, keras_optim.Shampoo):
    """Shampoo that notes."""

    def root(self, statistic, t):
        return super().root(noted(statistic), t)


class Bases(Noting, keras_optim.SOAP):
    """SOAP that notes."""

    def basis(self, statistic, old):
        return super().basis(noted(statistic), old)


class Whitened(Noting, keras_optim.KLShampoo):
    """KLShampoo that notes."""

    def basis(self, statistic, old):
        return super().basis(noted(statistic), old)


class Signs(Noting, keras_optim.SPlus):
    """SPlus that notes."""

    def basis(self, statistic, old):
        return super().basis(noted(statistic), old)


class Factors(Noting, keras_optim.Kron):
    """Kron that notes."""

    def learnt(self, side, old, unit, size):
        return super().learnt(side, old, noted(unit), noted(size))


COSTLY = {  # the steps among 8; and among the 4 of two gradients each
    Roots: ({"start_step": 2}, [2, 5, 8], [2]),
    Bases: ({}, [1, 4, 7], [1, 4]),
    Whitened: ({}, [1, 4, 7], [1, 4]),
    Signs: ({}, [1, 3, 6], [1, 3]),
    Factors: ({"dense_steps": 2}, [1, 2, 3, 6], [1, 2, 3]),
}


@pytest.mark.parametrize("accumulate", [None, 2], ids=["each step", "accumulated"])
@pytest.mark.parametrize("rule", COSTLY, ids=lambda rule: rule.__bases__[1].__name__)
def test_costly_work_is_done_in_its_steps_only(rule, accumulate):
    SEEN.clear()
    options, plain, accumulated = COSTLY[rule]
    optimizer = rule(0.01, refresh_period=3, gradient_accumulation_steps=accumulate, **options)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, use_bias=False)])
    model.compile(optimizer, "mse", jit_compile=False if BACKEND == "tensorflow" else "auto")
    x = np.random.default_rng(0).normal(size=(8, 3))
    model.fit(x, x[:, :2], batch_size=1, epochs=1, verbose=0)
    if BACKEND == "jax":
        import jax

        jax.effects_barrier()
    assert sorted(SEEN) == sorted(2 * (accumulated if accumulate else plain))


# ---- blocks of all variables in one stack


HIDDEN = {"learning_rate": 0.1, "output_layer": None}
BLOCKS = {"learning_rate": 0.1, "refresh_period": 3, "block_size": 3}
STACKED = {
    "shampoo": {**BLOCKS, "start_step": 2}, "soap": BLOCKS, "klshampoo": BLOCKS, "splus": BLOCKS,
    "muon": HIDDEN, "adamuon": HIDDEN, "normuon": HIDDEN,
}  # fmt: skip


@pytest.mark.parametrize("name", STACKED)
@pytest.mark.filterwarnings("ignore:Gradients do not exist")
def test_a_variable_is_stepped_as_if_it_were_alone(name, float64):
    """With padded blocks, and a variable whose first gradient comes late."""
    shapes, late = [(), (6, 4), (3, 2, 4), (5, 4), (3, 2)], 2
    values, steps = starts(shapes), gradients(shapes, steps=8)

    def path(indices):
        optimizer = keras_optim.get(name, **STACKED[name])
        xs = variables([values[i] for i in indices], "float64")
        for t, gs in enumerate(steps):
            grads = [None if i == late and t < 2 else tensor(gs[i], "float64") for i in indices]
            optimizer.apply(grads, xs)
        return numbers(xs)

    whole = path(range(len(shapes)))
    alone = [path([0, i])[1] for i in range(1, len(shapes))]
    assert difference([whole[1:]], [alone]) < 1e-10


# ---- one basis for all libraries


OPTIONS = {
    "soap": {"beta_1": 0.9, "beta_2": 0.95, "epsilon": 1e-8, "refresh_period": 3},
    "klshampoo": {"beta_1": 0.9, "beta_2": 0.95, "epsilon": 1e-8, "refresh_period": 3},
    "splus": {"beta_1": 0.9, "beta_2": 0.95, "refresh_period": 3},
}
SHAPES = [(6, 4), (4, 6), (12, 2)]


@pytest.mark.parametrize("name", OPTIONS)
def test_backends_agree_where_statistics_have_a_null_space(name, float64):
    """Each backend with NumPy; epsilon shows the smallest numbers."""
    values, steps = starts(SHAPES), gradients(SHAPES, steps=20)
    case, rate = OPTIONS[name], rates(20)
    path = run(keras_optim.get(name, **case), values, steps, rate, "float64", compiled=True)
    assert difference(path, expected(name, case, values, steps, rate)) < 1e-10


@one_backend
@pytest.mark.parametrize("name", OPTIONS)
def test_the_eigenvectors_that_a_library_returns_do_not_matter(name, float64, monkeypatch):
    """Signs, and any basis of the null space."""
    values, steps = starts(SHAPES), gradients(SHAPES, steps=20)

    def path():
        return run(keras_optim.get(name, **OPTIONS[name]), values, steps, rates(20), "float64")

    plain, eigh, random = path(), ops.eigh, np.random.default_rng(0)

    def other(stack):
        found, vectors = (ops.convert_to_numpy(a).copy() for a in eigh(stack))
        vectors *= random.choice([-1.0, 1.0], size=found.shape)[:, None]
        for value, vector in zip(found, vectors, strict=True):
            null = value < 1e-12 * value.max()
            turn = np.linalg.qr(random.normal(size=(null.sum(),) * 2))[0]
            vector[:, null] = vector[:, null] @ turn
        return ops.array(found), ops.array(vectors)

    monkeypatch.setattr(ops, "eigh", other)
    assert difference(path(), plain) < 1e-10
    monkeypatch.setattr(matrix, "negligible", lambda x: -1.0)  # as the library has them
    assert difference(path(), plain) > 1e-3


def test_a_row_without_gradients_is_left_alone():
    """In SOAP, also while other rows get their first gradients."""
    steps = gradients([(6, 2)], steps=12)
    for t, [g] in enumerate(steps):
        g[3:] = 0.0
        g[:2] *= t > 4
    path = run(keras_optim.SOAP(0.1, refresh_period=2), [np.ones((6, 2))], steps)
    moved = np.abs(path[-1][0] - 1.0)
    assert np.all(moved[3:] < 1e-6) and np.all(moved[:3] > 1e-3)


@pytest.mark.parametrize("name", ["shampoo", "soap", "klshampoo"])
def test_it_is_rotated_with_its_gradients(name, float64):
    """Of rows by one rotation and of columns by another: no rule of single weights is."""
    random = np.random.default_rng(1)
    left, right = (np.linalg.qr(random.normal(size=(4, 4)))[0] for _ in range(2))
    start, gs = random.normal(size=(4, 4)), [random.normal(size=(4, 4)) for _ in range(9)]
    special = {"start_step": 1, "grafting": "sgd"} if name == "shampoo" else {}

    def path(turn):
        optimizer = keras_optim.get(name, learning_rate=0.1, refresh_period=2, **special)
        turned = [[left @ g @ right] if turn else [g] for g in gs]
        return run(optimizer, [left @ start @ right if turn else start], turned, dtype="float64")

    turned = [[left @ x @ right for x in xs] for xs in path(False)]
    assert difference(path(True), turned) < 1e-7
    assert difference(turned[-1:], [[left @ start @ right]]) > 0.1


# ---- Shampoo


def test_before_its_start_it_is_the_graft():
    """Adam, or the mean of the gradient."""
    late = keras_optim.Shampoo(0.01, start_step=9, epsilon=1e-8)
    assert difference(run(late, VALUES, STEPS), run(keras_optim.Adam(0.01), VALUES, STEPS)) < 1e-6
    vectors = keras_optim.Shampoo(0.01, start_step=1, epsilon=1e-8)
    ours, adam = run(vectors, VALUES, STEPS), run(keras_optim.Adam(0.01), VALUES, STEPS)
    assert difference([x[:2] for x in ours], [x[:2] for x in adam]) < 1e-6
    assert difference([x[2:] for x in ours], [x[2:] for x in adam]) > 1e-3


def test_roots_by_newton(float64):
    """Nearly those by eigenvalues: they count the smallest ones differently."""
    given = {"start_step": 1, "refresh_period": 1, "epsilon": 1e-3}
    one, other = (
        run(keras_optim.Shampoo(0.1, root_method=method, **given), VALUES, STEPS, dtype="float64")
        for method in ("eigh", "newton")
    )
    assert 0.0 < difference(one, other) < 1e-8


def test_the_rows_that_it_whitens():
    assert not shampoo.is_matrix(np.zeros(3)) and not shampoo.is_matrix(np.zeros((0, 3)))
    assert shampoo.is_matrix(np.zeros((1, 3)))


# ---- SOAP


def test_the_first_gradient_finds_the_bases_and_moves_nothing():
    for name in ("soap", "klshampoo"):
        optimizer = keras_optim.get(name, learning_rate=0.1)
        path = run(
            optimizer, [np.ones((3, 2))], [gs[2:3] for gs in gradients([(), (), (3, 2)])][:2]
        )
        assert difference(path[:1], [[np.ones((3, 2))]]) == 0.0
        assert difference(path[1:], [[np.ones((3, 2))]]) > 1e-3


def test_with_the_bases_of_diagonal_statistics_it_is_adam(float64):
    """One step late: gradients with a single number for each row and column."""
    random, start = np.random.default_rng(0), [np.ones((3, 3))]
    steps = [[np.diag(random.normal(size=3))] for _ in range(9)]
    soap = keras_optim.SOAP(0.1, 0.9, 0.999, refresh_period=2)
    ours = run(soap, start, steps, dtype="float64")
    adam = run(keras_optim.Adam(0.1), start, steps[1:], dtype="float64")
    assert difference(ours[1:], adam) < 1e-7  # epsilon is far above the rounding of zeros


# ---- SPlus


def test_the_average_of_splus(float64):
    """The mean of all weights so far, of which later ones count more; corrected as Adam's."""
    optimizer = keras_optim.SPlus(0.3, average_decay=0.8, refresh_period=3)
    xs, averages = variables(VALUES, "float64"), [np.zeros_like(v) for v in VALUES]
    for t, gs in enumerate(STEPS, start=1):
        optimizer.apply([tensor(g, "float64") for g in gs], xs)
        trained = numbers(xs)
        averages = [0.8 * a + 0.2 * x for a, x in zip(averages, trained, strict=True)]
        evaluation_weights.swap_in(optimizer)
        assert difference([numbers(xs)], [[a / (1 - 0.8**t) for a in averages]]) < 1e-12
        evaluation_weights.swap_out(optimizer)
        assert difference([numbers(xs)], [trained]) == 0.0


def test_splus_averages_once():
    with pytest.raises(ValueError, match="SPlus: `use_ema` would average a second time"):
        keras_optim.SPlus(use_ema=True)
    with pytest.raises(ValueError, match="EMA: `inner` must not average weights itself"):
        keras_optim.EMA(keras_optim.SPlus())


def test_noise_of_rounding_has_no_sign():
    """A gradient that stays the same has a null space, in which SPlus does not move."""
    g = np.outer([1.0, 2.0, 3.0], [3.0, 1.0])
    path = run(keras_optim.SPlus(1.0, refresh_period=2), [np.zeros((3, 2))], [[g]] * 12)
    late = path[-1][0] - path[3][0]
    assert np.linalg.matrix_rank(late, tol=1e-4) == 1


# ---- Kron


@one_backend
def test_kron_whitens(float64):
    """The covariance of its steps becomes nearly that of noise, whatever the gradient's is."""
    random, [x] = np.random.default_rng(0), variables([np.zeros((4, 3))], "float64")
    left, right = np.diag([1.0, 2.0, 5.0, 10.0]), np.linalg.qr(random.normal(size=(3, 3)))[0]
    right = 1e-3 * right @ np.diag([1.0, 2.0, 5.0]) @ right.T
    left = np.linalg.qr(random.normal(size=(4, 4)))[0] @ left
    optimizer = keras_optim.Kron(0.0, beta=0.0, dense_steps=10**6)

    def covariance():
        [slots] = optimizer.state.slots
        q, p = (ops.convert_to_numpy(slots[f"{side}_factor"])[0] for side in ("left", "right"))
        whitened = np.kron(q.T @ q @ left, p.T @ p @ right)
        return whitened @ whitened.T

    found = []
    for _ in range(500):
        g = left @ random.normal(size=(4, 3)) @ right
        optimizer.apply([tensor(g, "float64")], [x])
        found.append(covariance())
    first, late = (np.linalg.eigvalsh(np.mean(part, axis=0)) for part in (found[:1], found[-200:]))
    assert first.max() / first.min() > 1000
    assert late.min() > 0.6 and late.max() < 2.0  # each step of the factors is normalised


def test_kron_repeats_its_path():
    one, other = (run(keras_optim.Kron(0.1), VALUES, STEPS) for _ in range(2))
    assert difference(one, other) == 0.0
