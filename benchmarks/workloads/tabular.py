"""Tables that come with scikit-learn: split, and scaled by the training part."""

from collections.abc import Callable
from typing import Any

from benchmarks.workloads.parts import Part, cut

TEST = 0.2
"""Share of the examples that is for the test."""


def table(name: str, labels: str) -> Callable[[], tuple[Part, Part]]:
    """Return a function that reads `sklearn.datasets.load_<name>`.

    Args:
        name: Such as `"wine"`.
        labels: `"int32"` for classes; `"float32"` for numbers, which are scaled as the inputs are.
    """

    def data() -> tuple[Part, Part]:
        from sklearn import datasets

        x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
        train, test = cut(x.astype("float32"), y.astype(labels), int(TEST * len(y)))
        x = [_scaled(part.x, train.x) for part in (train, test)]
        y = [_scaled(p.y, train.y) if labels == "float32" else p.y for p in (train, test)]
        return Part(x[0], y[0]), Part(x[1], y[1])

    return data


def _scaled(values: Any, by: Any) -> Any:
    return (values - by.mean(0)) / by.std(0)


def network(features: int, outputs: int, activation: str | None = None) -> Callable[[], Any]:
    """Return a function that builds two hidden layers of 32."""

    def build() -> Any:
        import keras
        from keras import layers

        return keras.Sequential(
            [
                keras.Input((features,)),
                layers.Dense(32, activation="relu"),
                layers.Dense(32, activation="relu"),
                layers.Dense(outputs, activation=activation),
            ]
        )

    return build
