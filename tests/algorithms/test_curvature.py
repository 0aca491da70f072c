"""Rules that ask for the curvature: Hessians known in closed form, drawn labels, and `fit`."""

import itertools
import sys

import keras
import numpy as np
import pytest
from keras import ops

import keras_optim
from keras_optim.contract import innermost
from keras_optim.drawn_labels import drawn_labels
from tests.conftest import BACKEND
from tests.support.trajectories import numbers, variables

random = np.random.default_rng(0)
X = random.normal(size=(32, 4)).astype("float32")
Y = X[:, :1] * 0.5 - X[:, 1:2] + 0.3
LABELS = (X[:, 0] > 0).astype("int32") + (X[:, 1] > 0)


def network(hidden=tuple, loss="mse", outputs=1, **last):
    """A model that always starts alike, and its loss; `hidden` makes the layers before the last."""
    keras.utils.set_random_seed(0)
    layers = [keras.Input((4,)), *hidden(), keras.layers.Dense(outputs, **last)]
    return keras.Sequential(layers), loss


def dense():
    return [keras.layers.Dense(8, "tanh")]


def fitted(optimizer, network, y=Y, **compiled):
    """Train for one epoch of two steps."""
    model, loss = network
    model.compile(optimizer, loss, **compiled)
    keras_optim.two_pass(model).fit(X, y, batch_size=16, shuffle=False, verbose=0)
    return model


def slots(model, name):
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    return [np.array(s[name].numpy()) for s in optimizer.state.slots]


def signs(optimizer, step):
    """The random signs of a step, of every variable."""
    rule = innermost(optimizer)
    seeds = [c.get("inner", c)["seed"] for c in optimizer.state.constants]
    shapes = [tuple(s["momentum"].shape) for s in optimizer.state.slots]
    drawn = [
        rule.hessian_direction(ops.zeros(shape), {"seed": seed}, ops.convert_to_tensor(step))
        for shape, seed in zip(shapes, seeds, strict=True)
    ]
    return [ops.convert_to_numpy(z) for z in drawn]


# ---- Hessians


def quartic(x, y):
    """x⁴ summed, and a product of all numbers of x and y in pairs, so all weights meet."""
    return ops.sum(x * x * x * x) / 12.0 + ops.sum(x) * ops.sum(y) + ops.sum(y) ** 2


@pytest.mark.parametrize("name", ["sophiah", "adahessian"])
def test_the_hessian_times_the_signs(name, float64):
    """Its diagonal blocks are x² and 2, in all places of y; all others are 1."""
    x, y = variables([random.normal(size=3), random.normal(size=(2, 2))], "float64")
    optimizer = keras_optim.get(name, seed=3, beta_2=0.0, refresh_period=1)
    products = keras_optim.hessian_products(
        lambda: quartic(ops.convert_to_tensor(x), ops.convert_to_tensor(y)), [x, y]
    )
    at = numbers([x, y])
    optimizer.apply([ops.ones(v.shape, "float64") for v in (x, y)], [x, y], second=products)
    u, v = signs(optimizer, 1)
    expected = [u * (at[0] ** 2 * u + v.sum()), v * (u.sum() + 2.0 * v.sum())]
    if name == "adahessian":
        expected = [d**2 for d in expected]
    for got, right in zip(
        [s[innermost(optimizer).observed[0]].numpy() for s in optimizer.state.slots],
        expected,
        strict=True,
    ):
        np.testing.assert_allclose(got, right, rtol=1e-10, atol=1e-12)


def test_signs_belong_to_seed_variable_and_step():
    x = variables([np.zeros(2000), np.zeros(2000)])
    optimizer = keras_optim.SophiaH(seed=5)
    optimizer.build(x)
    first, again = signs(optimizer, 1), signs(optimizer, 1)
    others = [*signs(optimizer, 2), first[1]]
    assert set(np.unique(first[0])) == {-1.0, 1.0}
    assert abs(first[0].mean()) < 5 / 2000**0.5
    np.testing.assert_array_equal(first[0], again[0])
    for other in others:
        assert abs(np.mean(first[0] * other)) < 5 / 2000**0.5


# ---- in `fit`


def squared_error_hessian(batch):
    """Of the mean squared error of a linear model: by the kernel, and by the bias."""
    inputs = np.concatenate([batch, np.ones((len(batch), 1))], axis=1)
    return 2.0 * inputs.T @ inputs / len(batch)


@pytest.mark.parametrize("jit", [False] if BACKEND == "torch" else [True, False])
def test_fit_shows_the_hessian_of_the_batch(jit):
    optimizer = keras_optim.SophiaH(seed=1, beta_2=0.0, refresh_period=2)
    model = fitted(optimizer, network(), jit_compile=jit)
    got = np.concatenate([h.ravel() for h in slots(model, "hessian")])  # step 2 has none
    drawn = np.concatenate([s.ravel() for s in signs(optimizer, 1)])
    for z in itertools.product([1, -1], repeat=5) if jit else [drawn]:  # XLA draws others
        expected = z * (squared_error_hessian(X[:16]) @ z)
        if np.allclose(got, expected, rtol=1e-4, atol=1e-5):
            return
    pytest.fail(f"{got} is not {expected}")


def test_of_accumulated_batches_the_last_one_counts():
    optimizer = keras_optim.SophiaH(seed=1, beta_2=0.0, gradient_accumulation_steps=2)
    model = fitted(optimizer, network())
    z = np.concatenate([s.ravel() for s in signs(optimizer, 1)])
    expected = z * (squared_error_hessian(X[16:]) @ z)
    got = np.concatenate([h.ravel() for h in slots(model, "hessian")])
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


def test_a_scaled_loss_has_the_same_curvature():
    found = []
    for optimizer in (
        keras_optim.SophiaH(seed=1),
        keras.optimizers.LossScaleOptimizer(keras_optim.SophiaH(seed=1)),
    ):
        found.append(slots(fitted(optimizer, network()), "hessian"))
    for plain, scaled in zip(*found, strict=True):
        assert np.any(plain != 0)
        np.testing.assert_allclose(scaled, plain, rtol=1e-5, atol=1e-6)


def test_statistics_and_weights_are_those_of_the_first_pass():
    """With a rate of zero all is as with SGD, batch normalisation and dropout included."""

    def layers():
        return [
            keras.layers.Dense(6, "tanh"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.5, seed=1),
        ]

    models = [
        fitted(
            optimizer,
            network(layers, "sparse_categorical_crossentropy", 3, activation="softmax"),
            LABELS,
        )
        for optimizer in (
            keras_optim.SGD(0.0),
            keras_optim.AdaHessian(0.0, seed=0),
            keras_optim.SophiaG(0.0, seed=0, refresh_period=1),
        )
    ]
    for other in models[1:]:
        for a, b in zip(models[0].weights, other.weights, strict=True):
            np.testing.assert_array_equal(a.numpy(), b.numpy())
        name = innermost(other.optimizer).observed[0]
        assert all(np.any(h != 0) for h in slots(other, name)[:2])


@pytest.mark.parametrize(
    ("name", "wrapper"),
    [("adahessian", None), ("sophiah", keras_optim.EMA), ("sophiag", keras_optim.Lookahead)],
)
def test_a_file_in_the_middle_changes_nothing(name, wrapper, tmp_path):
    def made():
        rule = keras_optim.get(name, learning_rate=0.01, seed=2)
        return wrapper(rule) if wrapper else rule

    model = fitted(made(), network(dense))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for each in (model, loaded):
        keras_optim.two_pass(each).fit(X, Y, batch_size=16, shuffle=False, verbose=0)
    for a, b in zip(model.optimizer.variables, loaded.optimizer.variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_they_lower_the_loss():
    for name, rate in (("adahessian", 0.1), ("sophiah", 0.05), ("sophiag", 0.05)):
        model, loss = network(dense)
        model.compile(keras_optim.get(name, learning_rate=rate, seed=0), loss)
        first = model.evaluate(X, Y, verbose=0)
        keras_optim.two_pass(model).fit(X, Y, batch_size=16, epochs=10, verbose=0)
        assert model.evaluate(X, Y, verbose=0) < 0.5 * first, name


# ---- drawn labels


def test_drawn_labels_make_the_estimate(monkeypatch):
    """Of a softmax regression: h is n times the square of the mean gradient for these labels."""
    labels = random.integers(0, 3, size=16)
    monkeypatch.setattr(
        sys.modules["keras_optim.two_pass"],  # the package has a function of that name
        "drawn_labels",
        lambda *_: (ops.convert_to_tensor(labels), ops.convert_to_tensor(16)),
    )
    optimizer = keras_optim.SophiaG(0.0, seed=0, beta_2=0.0)
    model = fitted(
        optimizer,
        network(tuple, "sparse_categorical_crossentropy", 3, activation="softmax", use_bias=False),
        LABELS,
    )
    p = ops.convert_to_numpy(model(X[:16]))
    gradient = X[:16].T @ (p - np.eye(3)[labels]) / 16  # the first batch; the second has no look
    [h] = slots(model, "hessian")
    np.testing.assert_allclose(h, 16 * gradient**2, rtol=1e-4, atol=1e-7)


PREDICTED = np.tile([[0.7, 0.2, 0.1]], (4000, 1)).astype("float32")


@pytest.mark.parametrize(
    ("loss", "predicted", "shape", "number", "mean"),
    [
        ("sparse_categorical_crossentropy", PREDICTED, (4000,), 4000, 0.4),
        (keras.losses.CategoricalCrossentropy(), PREDICTED, (4000, 3), 4000, 1 / 3),
        ("binary_crossentropy", PREDICTED, (4000, 3), 12000, 1 / 3),
        (keras.losses.BinaryCrossentropy(from_logits=True), 0 * PREDICTED, (4000, 3), 12000, 0.5),
        ("mse", PREDICTED, (4000, 3), 12000, 1 / 3),
    ],
)
def test_labels_have_the_distribution_of_the_loss(loss, predicted, shape, number, mean):
    source = (0, ops.convert_to_tensor(1))
    labels, count = drawn_labels(ops.convert_to_tensor(predicted), loss, source)
    labels = ops.convert_to_numpy(labels)
    assert labels.shape == shape and int(count) == number
    error = float(labels.std()) / labels.size**0.5
    assert labels.mean() == pytest.approx(mean, abs=4 * error)
    if loss == "mse":  # the deviation of a deviation of n normal numbers is 1 / sqrt(2 n) of it
        assert (labels - predicted).std() == pytest.approx(0.5**0.5, rel=4 / 24000**0.5)


@pytest.mark.parametrize("loss", ["mae", ["mse", "mse"], None])
def test_labels_of_other_losses_are_refused(loss):
    with pytest.raises(ValueError, match="two_pass: labels can be drawn for one output and one"):
        drawn_labels(ops.ones((2, 3)), loss, (0, ops.convert_to_tensor(1)))


# ---- refused


@pytest.mark.parametrize(
    ("name", "words"),
    [("sophiag", "a gradient for labels that are drawn"), ("adahessian", "Hessian products")],
)
def test_a_step_without_it_says_what_to_write(name, words):
    optimizer = keras_optim.get(name, seed=0)
    x = keras.Variable([1.0])
    with pytest.raises(ValueError, match=rf"{words}.*keras_optim\.two_pass\(model\)"):
        optimizer.apply([ops.ones((1,))], [x])
    model, loss = network()
    model.compile(keras_optim.get(name, seed=0), loss)
    with pytest.raises(ValueError, match=words):
        model.fit(X, Y, verbose=0)


def test_sam_around_it_is_refused():
    with pytest.raises(ValueError, match="`inner` must not need a second pass itself"):
        keras_optim.SAM(keras_optim.SophiaH())
    with pytest.raises(ValueError, match=r"Write `SophiaH\(Route"):
        keras_optim.Route({".": keras_optim.SophiaH()})


def test_an_estimate_that_is_not_finite_is_left_out():
    x = keras.Variable([1.0, 2.0])
    optimizer = keras_optim.AdaHessian(seed=0)
    optimizer.apply([ops.ones((2,))], [x], second=lambda us: us)
    before = optimizer.state.slots[0]["velocity"].numpy().copy()
    optimizer.apply([ops.ones((2,))], [x], second=lambda us: [u * float("inf") for u in us])
    np.testing.assert_array_equal(optimizer.state.slots[0]["velocity"].numpy(), before)
    assert np.all(before > 0)
