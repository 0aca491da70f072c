"""What AdaBound and AMSBound have in common: rates between two bounds that close in on SGD's."""

from typing import Annotated, Unpack

from keras import ops

from keras_optim.algorithms.moments import Moments
from keras_optim.arguments.ranges import Decay, Epsilon, KerasOptions, LearningRate, Positive, Range
from keras_optim.numerics import between, bias, larger, root
from keras_optim.optimizer import Slots, Tensor
from keras_optim.trees import Tree


class Bounded(Moments):
    """Abstract parent: Adam's rate of each weight, kept between bounds."""

    shared = {"base_rate": 0.0}
    non_negative = ("base_rate",)

    def __init__(
        self,
        learning_rate: LearningRate = 1e-3,
        beta_1: Decay = 0.9,
        beta_2: Decay = 0.999,
        epsilon: Epsilon = 1e-8,
        final_learning_rate: Positive = 0.1,
        gamma: Annotated[float, Range(0, 1, open="left")] = 1e-3,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **kwargs)
        self.final_learning_rate = final_learning_rate
        self.gamma = gamma

    def pool(self, sums: Tree, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tree, Tree]:
        base = s["base_rate"]
        return {"base_rate": larger(base, ops.cast(lr, base.dtype))}, {}

    def rates(self, v: Tensor, s: Slots, t: Tensor, lr: Tensor) -> Tensor:
        """Adam's rate of each weight for the second moment `v`, between the bounds of step `t`."""
        base = s["base_rate"]
        final = self.final_learning_rate * lr / ops.where(base > 0.0, base, ops.ones_like(base))
        closeness = self.gamma * ops.cast(t, v.dtype)
        correction = ops.sqrt(bias(self.beta_2, t, like=v)) / bias(self.beta_1, t, like=v)
        return between(
            lr * correction / root(v, self.epsilon),
            final * closeness / (closeness + 1.0),
            final * (closeness + 1.0) / closeness,
        )
