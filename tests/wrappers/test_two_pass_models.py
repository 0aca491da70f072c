"""Optimizers with a second pass, on attention, embeddings and batch normalisation in `fit`."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import keras_optim
from keras_optim.contract import innermost
from tests.conftest import BACKEND

random = np.random.default_rng(0)
TOKENS = random.integers(0, 11, size=(32, 6)).astype("int32")
IMAGES = random.normal(size=(32, 6, 6, 1)).astype("float32")
LABELS = (TOKENS[:, 0] > 5).astype("int32") + (IMAGES.mean(axis=(1, 2, 3)) > 0)

OPTIMIZERS = {
    "sam": lambda rate=0.03: keras_optim.SAM(keras_optim.Adam(rate), rho=0.05),
    "asam": lambda rate=0.03: keras_optim.ASAM(keras_optim.Adam(rate), rho=0.2),
    "gsam": lambda rate=0.03: keras_optim.GSAM(keras_optim.Adam(rate), rho=0.05),
    "looksam": lambda rate=0.03: keras_optim.LookSAM(keras_optim.Adam(rate), refresh_period=3),
    "sophiag": lambda rate=0.03: keras_optim.SophiaG(rate, seed=0, refresh_period=3),
    "sophiah": lambda rate=0.03: keras_optim.SophiaH(rate, seed=0, refresh_period=3),
    "adahessian": lambda rate=0.1: keras_optim.AdaHessian(rate, seed=0),
}
TOGETHER = {} if BACKEND == "torch" else {"sophiah": {"steps_per_execution": 2}}
"""Keras compiles as many copies of a step; SAM's are in `test_two_pass.py`."""


class Embedded(layers.Layer):
    """Tokens, and their positions."""

    def __init__(self):
        super().__init__()
        self.tokens, self.positions = layers.Embedding(11, 8), layers.Embedding(6, 8)

    def build(self, shape):
        self.tokens.build(shape)
        self.positions.build(shape[1:])

    def call(self, x):
        return self.tokens(x) + self.positions(ops.arange(6))


def encoded(x):
    """A block of BERT."""
    x = Embedded()(x)
    attended = layers.MultiHeadAttention(2, 4, dropout=0.1, seed=1)(x, x)
    x = layers.LayerNormalization()(x + layers.Dropout(0.1, seed=2)(attended))
    wide = layers.Dense(8)(layers.Dense(16, "gelu")(x))
    return layers.GlobalAveragePooling1D()(x + wide)


def convolved(x):
    x = layers.Conv2D(4, 3, use_bias=False)(x)
    x = layers.ReLU()(layers.BatchNormalization(name="norm")(x))
    return layers.Flatten()(layers.MaxPooling2D()(x))


def network():
    """A transformer and a convolution side by side: to compile one of both takes half the time."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6,), dtype="int32"), keras.Input((6, 6, 1))
    both = layers.Concatenate()([encoded(inputs[0]), convolved(inputs[1])])
    return keras.Model(inputs, layers.Dense(3, dtype="float32")(both))


def compiled(optimizer, **options):
    model = network()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, **options)
    return keras_optim.two_pass(model)


def fitted(model, epochs):
    data = ([TOKENS, IMAGES], LABELS)
    return model.fit(*data, batch_size=16, epochs=epochs, shuffle=False, verbose=0).history["loss"]


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """For small tensors PyTorch's threads wait for each other longer than they work."""
    if BACKEND != "torch":
        yield
        return
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def statistics():
    """Of an epoch with plain gradients and a rate of zero."""
    model = compiled(keras_optim.SGD(0.0))
    fitted(model, 1)
    return [np.array(w) for w in model.get_layer("norm").get_weights()]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_models_train_in_fit(name, statistics):
    """Statistics move once a step, as without a second pass, and in an execution of two steps."""
    model = compiled(OPTIMIZERS[name](), **TOGETHER.get(name, {}))
    rate, model.optimizer.learning_rate = float(model.optimizer.learning_rate), 0.0
    fitted(model, 1)
    for found, expected in zip(model.get_layer("norm").get_weights(), statistics, strict=True):
        np.testing.assert_array_equal(found, expected)
    model.optimizer.learning_rate = rate
    losses = fitted(model, 6)
    assert np.all(np.isfinite(losses)) and losses[-1] < 0.85 * losses[0]
    observed = innermost(model.optimizer).observed  # an estimate that is not finite is left out
    assert all(np.any(s[n].numpy()) for s in model.optimizer.state.slots for n in observed)


@pytest.mark.parametrize("name", ["looksam"] if BACKEND == "tensorflow" else ["looksam", "sophiah"])
def test_models_train_in_mixed_precision(name):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        losses = fitted(compiled(OPTIMIZERS[name]()), 6)
    finally:
        keras.config.set_dtype_policy("float32")
    assert np.all(np.isfinite(losses)) and losses[-1] < 0.85 * losses[0]
