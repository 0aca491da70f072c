"""Small models and data for tests of comparisons."""

import keras
import numpy as np
from keras import layers

from keras_optim import Workload


def points(count=60, seed=0):
    """Points in the plane, and whether they lie in the upper half."""
    x = np.random.default_rng(seed).normal(size=(count, 2)).astype("float32")
    return x, (x[:, 1] > 0).astype("int32")


def classifier():
    return keras.Sequential(
        [keras.Input((2,)), layers.Dense(4, activation="tanh"), layers.Dense(2)]
    )


def logits():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def small(**changes):
    """A classification of points: 45 examples, steps of 10, held-out and test data."""
    settings = dict(
        build_model=classifier,
        data=points(50),
        validation=0.1,
        test=points(20, seed=1),
        loss=logits(),
        metrics=["accuracy"],
        epochs=3,
        batch_size=10,
        name="points",
    )
    return Workload(**{**settings, **changes})


def with_dropout():
    return keras.Sequential(
        [
            keras.Input((2,)),
            layers.Dense(8, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(2),
        ]
    )


def convolutional():
    return keras.Sequential(
        [
            keras.Input((2,)),
            layers.Reshape((2, 1)),
            layers.Conv1D(4, 2),
            layers.Flatten(),
            layers.Dense(2),
        ]
    )


def with_batch_norm():
    return keras.Sequential(
        [
            keras.Input((2,)),
            layers.Dense(8, use_bias=False),  # its gradient is rounding alone
            layers.BatchNormalization(momentum=0.5),
            layers.ReLU(),
            layers.Dense(2),
        ]
    )


def two_heads():
    """Two inputs, two outputs."""
    a, b = keras.Input((2,), name="a"), keras.Input((2,), name="b")
    x = layers.Dense(4, activation="tanh")(layers.Concatenate()([a, b]))
    return keras.Model({"a": a, "b": b}, {"sort": layers.Dense(2)(x), "size": layers.Dense(1)(x)})


class Subclassed(keras.Model):
    """A model whose layers are built when it is first called."""

    def __init__(self):
        super().__init__()
        self.hidden, self.out = layers.Dense(4, activation="tanh"), layers.Dense(2)

    def call(self, x):
        return self.out(self.hidden(x))


class Batches(keras.utils.PyDataset):
    """The batches of some rows, in their order."""

    def __init__(self, x, y, size=10):
        super().__init__()
        self.x, self.y, self.size = x, y, size

    def __len__(self):
        return len(self.x) // self.size

    def __getitem__(self, k):
        rows = slice(k * self.size, (k + 1) * self.size)
        return self.x[rows], self.y[rows]


class OwnStep(keras.Model):
    """A model with a train step of its own: twice Keras's loss."""

    def __init__(self):
        super().__init__()
        self.inner = classifier()

    def call(self, x):
        return self.inner(x)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return 2 * super().compute_loss(x, y, y_pred, sample_weight, training)

    def train_step(self, *arguments):
        return super().train_step(*arguments)
