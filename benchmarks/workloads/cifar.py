"""Workload `cifar`: CIFAR-10 and the network 3c3d of DeepOBS."""

from typing import Any

from benchmarks.workloads.row import ACCURACY, Row, one_of_many


def build() -> Any:
    """Build DeepOBS's 3c3d (Schneider et al. 2019), with its L2 penalty on the kernels.

    DeepOBS's penalty of 0.002 / 2 * sum(w**2) is L2(0.001) in Keras. The loss before training is
    about 3.6. The reported loss includes the penalty, as in DeepOBS.
    """
    import keras
    from keras import layers

    def penalty() -> Any:
        return keras.regularizers.L2(0.001)

    def convolution(filters: int, size: int, padding: str) -> Any:
        return layers.Conv2D(
            filters, size, padding=padding, activation="relu", kernel_regularizer=penalty()
        )

    def dense(units: int, activation: str) -> Any:
        return layers.Dense(units, activation=activation, kernel_regularizer=penalty())

    def pool() -> Any:
        return layers.MaxPooling2D(3, strides=2, padding="same")

    return keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            convolution(64, 5, "valid"),
            pool(),
            convolution(96, 3, "valid"),
            pool(),
            convolution(128, 3, "same"),
            pool(),
            layers.Flatten(),
            dense(512, "relu"),
            dense(256, "relu"),
            dense(10, "softmax"),
        ]
    )


ROW = Row(
    "cifar",
    "CIFAR-10, three convolutions and three dense layers (DeepOBS's 3c3d)",
    "cifar10",
    build,
    batch_size=128,
    epochs=10,
    objective=one_of_many,
    target=(ACCURACY, 0.5),
)
