"""What SGD and SGDW have in common: heavy-ball or Nesterov momentum."""

from typing import Unpack

from keras_optim.arguments.ranges import Decay, KerasOptions, LearningRate
from keras_optim.optimizer import Optimizer, Slots, Tensor


class Descent(Optimizer):
    """Abstract parent: the rule that `keras_optim.SGD` documents."""

    rotation_equivariant = True

    def __init__(
        self,
        learning_rate: LearningRate,
        momentum: Decay,
        nesterov: bool,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, **kwargs)
        if nesterov and momentum == 0.0:
            raise ValueError(
                f"{type(self).__name__}: `nesterov` needs `momentum` > 0. Received: momentum=0.0"
            )
        self.momentum = momentum
        self.nesterov = nesterov
        self.slots = ("momentum",) if momentum else ()

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        if not self.momentum:
            return -lr * g, {}
        m = self.momentum * s["momentum"] + g
        direction = g + self.momentum * m if self.nesterov else m
        return -lr * direction, {"momentum": m}
