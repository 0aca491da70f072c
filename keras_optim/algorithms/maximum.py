"""What Adamax and AdamaxW have in common: a mean of the gradient and a fading maximum."""

from typing import Unpack

from keras import ops

from keras_optim.arguments.ranges import Decay, Epsilon, KerasOptions, LearningRate
from keras_optim.numerics import ema, larger, unbias
from keras_optim.optimizer import Optimizer, Slots, Tensor


class MaximumMoments(Optimizer):
    """Abstract parent: the rule that `keras_optim.Adamax` documents."""

    slots = ("momentum", "maximum")

    def __init__(
        self,
        learning_rate: LearningRate = 2e-3,
        beta_1: Decay = 0.9,
        beta_2: Decay = 0.999,
        epsilon: Epsilon = 1e-8,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        m = ema(s["momentum"], g, self.beta_1)
        u = larger(self.beta_2 * s["maximum"], ops.abs(g) + self.epsilon)
        return -lr * unbias(m, self.beta_1, t) / u, {"momentum": m, "maximum": u}
