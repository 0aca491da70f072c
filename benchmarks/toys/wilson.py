"""Least squares of Wilson et al. (2017), on which adaptive methods learn a rule that fails later.

The label y is +1 or -1, and +1 more often. The first feature is y, the next two are 1. Each example
also has features that no other has: one if y = +1, five if y = -1. From zero, an adaptive method
gives all weights one size, 1/4; on new examples it then answers +1 always. Gradient descent finds
the solution of least norm, which follows the first feature and is always right.

Reference: Ashia C. Wilson, Rebecca Roelofs, Mitchell Stern, Nathan Srebro, Benjamin Recht: The
Marginal Value of Adaptive Gradient Methods in Machine Learning, 2017,
https://arxiv.org/abs/1705.08292, section 3.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from benchmarks.toys.stepping import stepped
from keras_optim.compare.contenders.optimizer_spec import parse_specs

EXAMPLES = 200
POSITIVE = 0.7
"""Share of the label +1, in training and in test."""
STEPS = 5000
SHARED = 3
"""Features that all examples have; the others belong to one example."""
RATES = {"sgd": 0.5, "sgd[momentum=0.9]": 0.1, "adagrad": 0.1, "rmsprop": 0.01, "adam": 0.01}
"""The first rate of each; it falls to 0 as half a cosine, so that no method circles at the end."""


@dataclass(frozen=True, eq=False)
class Solution:
    """Weights that an optimizer found, and how they do on new examples."""

    optimizer: str
    weights: Any
    loss: float
    """Mean squared error on the training examples."""
    accuracy: float
    """Share of new examples whose sign is right."""


def solutions(names: Sequence[str] = tuple(RATES), steps: int = STEPS) -> dict[str, Solution]:
    """Return the solution of each optimizer from zero weights, all examples in each step.

    Args:
        names: Of `RATES`.
        steps: Their number, >= 1. Default 5000.
    """
    return {name: _solution(name, steps) for name in names}


def least_norm() -> Any:
    """Return the solution of least norm, by NumPy."""
    features, labels = training()
    return np.linalg.lstsq(features, labels, rcond=None)[0]


def training() -> tuple[Any, Any]:
    """Return features and labels of the training examples."""
    positives = round(POSITIVE * EXAMPLES)
    labels = np.where(np.arange(EXAMPLES) < positives, 1.0, -1.0)
    own = np.where(labels > 0, 1, 5)
    features = np.zeros((EXAMPLES, SHARED + own.sum()))
    features[:, 0], features[:, 1:SHARED] = labels, 1.0
    ends = SHARED + np.cumsum(own)
    for row, end, count in zip(features, ends, own, strict=True):
        row[end - count : end] = 1.0
    return features, labels


def accuracy(weights: Any) -> Any:
    """Return the share of new examples whose sign is right.

    Their own features are new as well, so the weights of those are still zero, and the first three
    weights decide.

    Args:
        weights: The last axis holds the weights.
    """
    own, common = weights[..., 0], weights[..., 1:SHARED].sum(-1)
    return POSITIVE * (common + own > 0) + (1 - POSITIVE) * (common - own < 0)


def _solution(name: str, steps: int) -> Solution:
    features, labels = training()
    x, y = (ops.convert_to_tensor(v, "float32") for v in (features, labels))

    def gradient(t: Any, value: Any) -> Any:
        return ops.matmul(ops.transpose(x), ops.matmul(x, value) - y) / EXAMPLES

    [spec] = parse_specs(name)
    optimizer = spec.build()
    config = optimizer.get_config()
    config["learning_rate"] = keras.optimizers.schedules.CosineDecay(RATES[name], steps)
    variable = keras.Variable(np.zeros(features.shape[1]), dtype="float32")
    path = stepped(type(optimizer).from_config(config), variable, gradient, steps)
    last = path[-1]
    loss = float(np.mean(np.square(features @ last - labels)))
    return Solution(name, last, loss, float(accuracy(last)))
