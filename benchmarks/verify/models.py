"""Models and initial weights of the sources that are written for PyTorch."""

import math
from collections.abc import Mapping
from typing import Any

import keras
from keras import layers

from benchmarks.workloads import cifar, imdb_lstm, mnist_cnn


def torch_start(fan_in: int) -> Mapping[str, Any]:
    """Return PyTorch's default initializers of a layer: uniform to 1 / sqrt(fan_in), bias too."""
    limit = 1 / math.sqrt(fan_in)
    return {
        "kernel_initializer": keras.initializers.RandomUniform(-limit, limit),
        "bias_initializer": keras.initializers.RandomUniform(-limit, limit),
    }


def torch_mnist() -> keras.Model:
    """Build the network of PyTorch's MNIST example; it returns logits."""
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu", **torch_start(9)),
            layers.Conv2D(64, 3, activation="relu", **torch_start(32 * 9)),
            layers.MaxPooling2D(),
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(128, activation="relu", **torch_start(9216)),
            layers.Dropout(0.5),
            layers.Dense(10, **torch_start(128)),
        ]
    )


def keras_mnist() -> keras.Model:
    """Build the network of keras.io's page about MNIST; it returns logits."""
    hidden = mnist_cnn.build().layers[:-1]
    return keras.Sequential([keras.Input((28, 28, 1)), *hidden, layers.Dense(10)])


def deepobs_3c3d() -> keras.Model:
    """Build DeepOBS's 3c3d behind its augmentation of images in [0, 1]; it returns probabilities.

    Random shifts by two pixels, random mirroring, brightness, saturation and contrast; then each
    image less its mean, over its standard deviation.
    """
    net = cifar.build()
    return keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.RandomTranslation(2 / 32, 2 / 32, fill_mode="constant", interpolation="nearest"),
            layers.RandomFlip("horizontal"),
            layers.RandomBrightness(63 / 255, value_range=(0, 1)),
            layers.RandomSaturation((1 / 3, 0.6), value_range=(0, 1)),  # 0.5 to 1.5 times
            layers.RandomContrast(0.8, value_range=(0, 1)),
            layers.LayerNormalization(axis=(1, 2, 3), center=False, scale=False, epsilon=1e-6),
            net,
        ]
    )


def transformer() -> keras.Model:
    """Build the transformer of keras.io's page; it returns two probabilities."""
    words = keras.Input((200,), dtype="int32")
    places = keras.ops.cumsum(keras.ops.ones_like(words), axis=-1) - 1  # an array would be frozen
    x = layers.Embedding(20_000, 32)(words) + layers.Embedding(200, 32)(places)
    y = layers.Dropout(0.1)(layers.MultiHeadAttention(2, 32)(x, x))
    x = layers.LayerNormalization(epsilon=1e-6)(x + y)
    y = layers.Dense(32)(layers.Dense(32, activation="relu")(x))
    x = layers.LayerNormalization(epsilon=1e-6)(x + layers.Dropout(0.1)(y))
    x = layers.Dropout(0.1)(layers.GlobalAveragePooling1D()(x))
    x = layers.Dropout(0.1)(layers.Dense(20, activation="relu")(x))
    return keras.Model(words, layers.Dense(2, activation="softmax")(x))


def bilstm() -> keras.Model:
    """Build the two bidirectional LSTMs of keras.io's page; it returns one probability."""
    net = imdb_lstm.build()
    return keras.Sequential([net, layers.Activation("sigmoid")])
