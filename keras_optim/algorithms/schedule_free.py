"""The parent of the Schedule-Free algorithms: a direction moves `z`, and the weights with it."""

from typing import Any

from keras import ops

from keras_optim.algorithms.interpolating import Interpolating
from keras_optim.optimizer import Optimizer, Slots, Tensor
from keras_optim.trees import Tree


class ScheduleFreeRule(Interpolating, Optimizer):
    """Abstract parent: a subclass writes `direction` and, if the rate has a factor, `factor`."""

    def __init__(self, learning_rate: Any, **kwargs: Any):
        super().__init__(learning_rate, **kwargs)
        if self.use_ema:
            raise ValueError(
                f"{type(self).__name__}: `use_ema` would average a second time; leave it off. "
                "Received: use_ema=True"
            )

    def factor(self, t: Tensor, like: Tensor) -> Tensor | float:
        """The factor of the rate in step `t`."""
        return 1.0

    def direction(self, g: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        """The step against the gradient, before its sign, and the new slots but `drift`."""
        raise NotImplementedError(f"{type(self).__name__} must define `direction`.")

    def pool(self, sums: Tree, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tree, Tree]:
        return self.weighed(s, t, lr * self.factor(t, like=lr))

    def step(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        """Without decay of the weights alone: `update` decays `z` by as much."""
        return self.update(g, x, s, t, lr)

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        lr = lr * self.factor(t, like=lr)
        step, new = self.direction(g, s, t, lr)
        if s["weight_decay"]:
            step = step - self.decayed(x, s, lr, -step)
        step = self.constrained(-step, self.fast(x, s), s)
        change, drift = self.interpolated(step, s)
        return change, {**new, "drift": drift}


def warmth(steps: int, t: Tensor, like: Tensor) -> Tensor | float:
    """The factor of a linear warm-up: `t / steps`, and then 1."""
    if not steps:
        return 1.0
    share = ops.cast(t, like.dtype) / steps
    return ops.where(share < 1.0, share, ops.ones_like(share))
