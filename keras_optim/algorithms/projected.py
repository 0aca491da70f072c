"""What AdamP and SGDP have in common: steps without their part along the weights."""

import math
from typing import Unpack

from keras import ops

from keras_optim.arguments.ranges import Epsilon, Fraction, KerasOptions, LearningRate, NonNegative
from keras_optim.numerics import larger
from keras_optim.optimizer import Optimizer, Slots, Tensor


class Projected(Optimizer):
    """Abstract parent: projects the step where the weights are scale-invariant, and decays less."""

    def __init__(
        self,
        learning_rate: LearningRate = 1e-3,
        nesterov: bool = False,
        epsilon: Epsilon = 1e-8,
        delta: NonNegative = 0.1,
        wd_ratio: Fraction = 0.1,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, **kwargs)
        self.nesterov = nesterov
        self.epsilon = epsilon
        self.delta = delta
        self.wd_ratio = wd_ratio

    def direction(self, g: Tensor, s: Slots, t: Tensor) -> tuple[Tensor, Slots]:
        """The step in units of the rate, before it is projected, and the new slots."""
        raise NotImplementedError(f"{type(self).__name__} must define `direction`.")

    def step(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        """Without the decay of every optimizer: how much there is depends on the projection."""
        return self.update(g, x, s, t, lr)

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        direction, new = self.direction(g, s, t)
        direction, projected = project(direction, x, g, self.delta, self.epsilon)
        change = -lr * direction
        if s["weight_decay"]:
            shrunk = ops.where(projected, self.wd_ratio * x, x)
            change = change + self.decayed(shrunk, s, lr, change)
        return change, new


def project(
    direction: Tensor, x: Tensor, g: Tensor, delta: float, epsilon: float
) -> tuple[Tensor, Tensor | bool]:
    """`direction` without its part along `x`, and whether `x` was found to be scale-invariant.

    It is if its gradient is orthogonal to it, `|cos(x, g)| < delta / sqrt(size)` (norms taken as
    at least epsilon): in each channel (last axis), else as a whole. Scalars and vectors are left
    as they are.

    >>> from keras import ops
    >>> x, g = ops.array([[3.0], [4.0]]), ops.array([[4.0], [-3.0]])
    >>> direction, projected = project(ops.array([[1.0], [0.0]]), x, g, delta=0.1, epsilon=1e-8)
    >>> print(ops.convert_to_numpy(direction).round(2).ravel(), bool(projected))
    [ 0.64 -0.48] True
    """
    if len(x.shape) < 2 or 0 in x.shape:
        return direction, False

    def along(a: Tensor, b: Tensor, axes: tuple[int, ...]) -> Tensor:
        return ops.sum(a * b, axis=axes, keepdims=True)

    result, done = direction, False
    axes = tuple(range(len(x.shape)))
    for view in (axes, axes[:-1]):  # channels, where they are orthogonal, have the last word
        size = math.prod(x.shape[axis] for axis in view)
        norm, norm_g = ops.sqrt(along(x, x, view)), ops.sqrt(along(g, g, view))
        lengths = larger(norm, epsilon) * larger(norm_g, epsilon)
        orthogonal = ops.all(ops.abs(along(x, g, view)) < delta / math.sqrt(size) * lengths)
        unit = x / (norm + epsilon)
        result = ops.where(orthogonal, direction - unit * along(unit, direction, view), result)
        done = orthogonal | done
    return result, done
