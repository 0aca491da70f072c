"""What the Adam family has in common: two moving averages and three hyper-parameters."""

from typing import Unpack

from keras_optim.base import Optimizer, Slots, Tensor
from keras_optim.hyper import Decay, Epsilon, KerasOptions, LearningRate
from keras_optim.numerics import ema


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
