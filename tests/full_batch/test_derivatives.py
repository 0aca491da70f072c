"""Gradients and Hessian-vector products against differences, on the backend at hand."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_optim import minimize
from keras_optim.full_batch.model_loss import model_loss
from keras_optim.full_batch.objective import Loss, Objective
from tests.conftest import BACKEND
from tests.full_batch.functions import network, quadratic, regression, rosenbrock

pytestmark = pytest.mark.usefixtures("float64")


def check_against_differences(objective):
    # In single precision: a longer step, of a larger error.
    step, tolerance = (2e-3, 1e-2) if objective.epsilon > 1e-8 else (1e-5, 1e-6)
    rng = np.random.default_rng(0)
    point = objective.at(objective.present() + 0.1 * rng.normal(size=objective.size))
    for _ in range(3):
        v = rng.normal(size=objective.size)
        ahead, behind = (objective.at(point.x + sign * step * v) for sign in (1, -1))
        slope = (ahead.value - behind.value) / (2 * step)
        scale = np.linalg.norm(point.gradient) * np.linalg.norm(v)
        assert slope == pytest.approx(point.gradient @ v, abs=tolerance * scale)
        bend = (ahead.gradient - behind.gradient) / (2 * step)
        product = objective.hessian_product(point, v)
        np.testing.assert_allclose(product, bend, atol=tolerance * np.abs(bend).max())


def test_functions():
    for loss, x in (rosenbrock((0.3, 0.2, -0.4)), quadratic(5, 100.0)[:2]):
        check_against_differences(Objective(Loss(loss, [x])))


def test_the_hessian_of_a_quadratic_is_its_matrix_and_symmetric():
    loss, x, matrix, _ = quadratic(6, 10.0)
    objective = Objective(Loss(loss, [x]))
    point = objective.at(objective.present())
    hessian = np.array([objective.hessian_product(point, e) for e in np.eye(6)])
    np.testing.assert_allclose(hessian, matrix, atol=1e-12)


def wide(x):
    return ops.cast(x, "float64")


FLAT = {
    "magnitudes": (lambda x, y: ops.sum(ops.abs(x)), [0, 0, 0]),
    "rectified": (lambda x, y: ops.sum(ops.relu(x)) + ops.max(x), [0, 0, 0]),
    "linear": (lambda x, y: 3 * ops.sum(wide(x)) - ops.sum(y), [0, 0, 0]),
    "one linearly": (lambda x, y: ops.sum(wide(x)) + ops.sum(y**2), [0, 0, 2]),
    "product": (lambda x, y: ops.sum(wide(x)) * y[0], [1, 1, 2]),
    "one not at all": (lambda x, y: ops.sum(y**2), [0, 0, 2]),
    "rounded": (lambda x, y: ops.sum(ops.round(wide(x)) ** 2) + ops.sum(y**3), [0, 0, 3]),
}


@pytest.mark.parametrize("name", FLAT)
def test_second_derivatives_that_are_zero(name):
    """The Hessian times (1, 1, 1), in x of two entries and y of one; they differ in dtype too."""
    function, expected = FLAT[name]
    x = keras.Variable([1.0, -2.0], dtype="float32")
    y = keras.Variable([0.5], dtype="float64")
    objective = Objective(Loss(lambda: function(x, y), [x, y]))
    product = objective.hessian_product(objective.at(objective.present()), np.ones(3))
    np.testing.assert_allclose(product, expected, atol=1e-12)


@pytest.mark.parametrize("loss", ["mae", "hinge"])
def test_truncated_newton_of_piecewise_linear_models(loss):
    x, y, _ = regression()
    model = network(layers.Dense(4, "relu"), layers.Dense(1))
    before = model.get_weights()
    result = minimize(model, (x, np.sign(y)), "truncated_newton", loss=loss, max_iterations=5)
    assert result.value < result.history["value"][0] and result.products > 0
    assert any((a != b).any() for a, b in zip(before, model.get_weights(), strict=True))


NETWORKS = {
    "dense": lambda: [layers.Dense(5, "softplus"), layers.Dense(1)],
    "regularized": lambda: [
        layers.Dense(4, "sigmoid", kernel_regularizer="l2", activity_regularizer="l2"),
        layers.Dense(1, bias_regularizer=keras.regularizers.L2(0.3)),
    ],
    "normalized": lambda: [
        layers.Dense(4),
        layers.BatchNormalization(),
        layers.Dropout(0.5),
        layers.Dense(1, "softplus"),
    ],
    "convolutional": lambda: [
        layers.Reshape((6, 2)),
        layers.Conv1D(3, 3, activation="softplus"),
        layers.GlobalAveragePooling1D(),
        layers.Dense(1),
    ],
    "recurrent": lambda: [
        layers.Reshape((4, 3)),
        layers.SimpleRNN(3, activation="softplus"),
        layers.Dense(1),
    ],
}


@pytest.fixture
def float64_layers(float64):
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_dtype_policy("float32")


SLOPPY = pytest.mark.xfail(
    BACKEND == "tensorflow",
    reason="tf.nn.moments stops the gradient of its mean: the second derivative lacks a term",
    raises=AssertionError,
    strict=True,
)
NETWORKS["layer_normalized"] = lambda: [
    layers.Dense(4),
    layers.LayerNormalization(),
    layers.Dense(1, "softplus"),
]


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=SLOPPY if n == "layer_normalized" else ()) for n in NETWORKS]
)
def test_models(name, float64_layers):
    model = network(*NETWORKS[name](), inputs=12)
    loss = model_loss(model, regression(inputs=12), "mse", batch_size=12)
    # Keras 3.15 has layers in double precision on TensorFlow only.
    assert loss.precision == ("float64" if BACKEND == "tensorflow" else "float32")
    check_against_differences(Objective(loss))


LOSSES = {
    "sparse": keras.losses.SparseCategoricalCrossentropy,
    "categorical": keras.losses.CategoricalCrossentropy,
    "binary": keras.losses.BinaryCrossentropy,
}


@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.parametrize("name", LOSSES)
def test_losses_of_classification(name, from_logits, float64_layers):
    """Backends have rules of their own for the derivatives of cross-entropies."""
    x, labels = regression(inputs=3)[0], np.arange(23) % 3
    activation = None if from_logits else "sigmoid" if name == "binary" else "softmax"
    model = network(layers.Dense(3, activation))
    y = labels if name == "sparse" else np.eye(3)[labels]
    loss = LOSSES[name](from_logits=from_logits)
    check_against_differences(Objective(model_loss(model, (x, y), loss)))


def test_an_embedding_with_rows_that_occur_twice():
    model = keras.Sequential(
        [keras.Input((3,), dtype="int32"), layers.Embedding(5, 2), layers.Flatten(),
         layers.Dense(1, "softplus")]
    )  # fmt: skip
    data = (np.array([[1, 1, 2], [3, 1, 3]]), np.array([0.0, 1.0]))
    check_against_differences(Objective(model_loss(model, data, "mse")))


def test_a_linear_loss_has_no_curvature_and_unused_variables_no_gradient():
    x, unused = (keras.Variable(np.ones(2), dtype="float64") for _ in range(2))
    for loss, gradient in (
        (lambda: ops.sum(3.0 * x), [3, 3, 0, 0]),
        (lambda: ops.convert_to_tensor(np.array(5.0)), [0, 0, 0, 0]),
    ):
        objective = Objective(Loss(loss, [x, unused]))
        point = objective.at(objective.present())
        assert point.gradient.tolist() == gradient
        assert objective.hessian_product(point, np.ones(4)).tolist() == [0, 0, 0, 0]


def test_a_tiny_or_huge_vector_keeps_its_product():
    x = keras.Variable(np.array([1.0, 2.0], "float32"), dtype="float32")
    objective = Objective(Loss(lambda: ops.sum(x**2), [x]))
    point = objective.at(objective.present())
    for scale in (1e-60, 1.0, 1e60):
        product = objective.hessian_product(point, scale * np.array([3.0, 4.0]))
        np.testing.assert_allclose(product, scale * np.array([6.0, 8.0]), rtol=1e-6)
    assert objective.hessian_product(point, np.zeros(2)).tolist() == [0, 0]


def test_a_loss_that_is_no_scalar():
    x = keras.Variable(np.ones(3))
    objective = Objective(Loss(lambda: x**2, [x]))
    with pytest.raises(ValueError, match=r"must be a scalar. Received a tensor of shape \(3,\)"):
        objective.at(objective.present())
