"""Grokfast: the slow part of the gradient, amplified."""

from typing import Unpack

from keras import ops

from keras_optim.arguments.ranges import Decay, NonNegative, WrapperOptions
from keras_optim.numerics import ema
from keras_optim.optimizer import Optimizer, Slots, Tensor
from keras_optim.wrappers.wrapper import GradientTransform


class Grokfast(GradientTransform):
    r"""Add to each gradient a multiple of its moving average, so that slow directions go faster.

    $$
    e_t = \alpha\, e_{t-1} + (1-\alpha)\, g_t, \quad e_0 = g_1, \qquad
    g_t \leftarrow g_t + \lambda\, e_t
    $$

    "Grokking" is late generalisation: a network has learnt its small training set by heart, and
    the test accuracy rises thousands of steps after. The slow part of the gradient leads there.
    The paper reaches it up to 50 times sooner on modular arithmetic, and less so on images, text
    and graphs. For this, weight decay matters as much: tune it together. There is no evidence that
    it helps in ordinary training, where momentum does much the same.

    After plain SGD a constant gradient counts `1 + strength` times: lower the rate. Adam's steps
    stay as long as they are. This is the form with an average (Grokfast-EMA); the one with a window
    of gradients takes too much memory. As here: the authors' code, pytorch-optimizer's
    `gradfilter_ema`.

    Args:
        inner: An optimizer of keras_optim, not built.
        decay: In [0, 1), $\alpha$, decay of the average. Default 0.98.
        strength: >= 0, $\lambda$, weight of the average. Default 2.
        **kwargs: Options of every optimizer that `inner` does not set, see
            `keras_optim.Optimizer`.

    Example: a gradient that stays, and one that changes its sign.

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([0.0, 0.0])
    >>> optimizer = keras_optim.Grokfast(keras_optim.SGD(0.01), decay=0.9)
    >>> for t in range(100):
    ...     optimizer.apply([np.array([-1.0, (-1.0) ** t], "float32")], [x])
    >>> print(x.numpy().round(2))
    [ 3.   -0.19]

    Reference:
        Lee, Kang, Kim, Lee, "Grokfast: accelerated grokking by amplifying slow gradients", 2024,
        https://arxiv.org/abs/2405.20233
    """

    slots = ("slow_gradient",)
    memory = 1

    def __init__(
        self,
        inner: Optimizer,
        decay: Decay = 0.98,
        strength: NonNegative = 2.0,
        **kwargs: Unpack[WrapperOptions],
    ):
        super().__init__(inner, **kwargs)
        self.decay = decay
        self.strength = strength

    def transform(self, g: Tensor, x: Tensor, s: Slots, t: Tensor) -> Tensor:
        return g + self.strength * self.slow(g, s, t)

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        change, new = super().update(g, x, s, t, lr)
        return change, {**new, "slow_gradient": self.slow(g, s, t)}

    def slow(self, g: Tensor, s: Slots, t: Tensor) -> Tensor:
        """Return the moving average of the gradient, which begins at the first one."""
        return ops.where(t > 1, ema(s["slow_gradient"], g, self.decay), g)
