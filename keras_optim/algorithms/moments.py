"""What the Adam family has in common: two moving averages and their hyper-parameters."""

from typing import Unpack

from keras_optim.arguments.ranges import Decay, Epsilon, KerasOptions, LearningRate, NonNegative
from keras_optim.numerics import ema, power, unbiased_root
from keras_optim.optimizer import Optimizer, Slots, Tensor
from keras_optim.trees import Tree


class Moments(Optimizer):
    """Abstract parent: keeps the mean of the gradient and the mean of its square."""

    slots: tuple[str, ...] = ("momentum", "velocity")

    def __init__(
        self,
        learning_rate: LearningRate = 1e-3,
        beta_1: Decay = 0.9,
        beta_2: Decay = 0.999,
        epsilon: Epsilon = 1e-8,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def averages(self, g: Tensor, s: Slots) -> tuple[Tensor, Tensor]:
        """The first and the second moment, with this gradient taken in."""
        return ema(s["momentum"], g, self.beta_1), ema(s["velocity"], g * g, self.beta_2)


class NesterovMoments(Moments):
    """Abstract parent of Nadam and NadamW: the rule that `keras_optim.Nadam` documents."""

    shared = {"momentum_product": 1.0}
    non_negative = ("momentum_product",)

    def __init__(
        self,
        learning_rate: LearningRate = 2e-3,
        beta_1: Decay = 0.9,
        beta_2: Decay = 0.999,
        epsilon: Epsilon = 1e-8,
        *,
        momentum_decay: NonNegative = 0.004,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **kwargs)
        self.momentum_decay = momentum_decay

    def momentum_at(self, t: Tensor, like: Tensor, ahead: int = 0) -> Tensor:
        """The momentum of step `t + ahead`: rises from `beta_1 / 2` to `beta_1`."""
        decay = 0.96**self.momentum_decay
        return self.beta_1 * (1.0 - 0.5 * decay**ahead * power(decay, t, like))

    def pool(self, sums: Tree, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tree, Tree]:
        product = s["momentum_product"]
        return {"momentum_product": product * self.momentum_at(t, like=product)}, {}

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        m, v = self.averages(g, s)
        now, following = self.momentum_at(t, like=x), self.momentum_at(t, like=x, ahead=1)
        product = s["momentum_product"]
        share, denominator = unbiased_root(v, self.beta_2, t, self.epsilon)
        of_m = -lr * share * following / (1.0 - product * following)
        of_g = -lr * share * (1.0 - now) / (1.0 - product)
        return (of_m * m + of_g * g) / denominator, {"momentum": m, "velocity": v}
