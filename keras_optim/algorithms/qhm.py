"""QHM: a weighted mean of SGD and momentum."""

from typing import Unpack

from keras_optim.arguments.ranges import Decay, Fraction, KerasOptions, LearningRate
from keras_optim.numerics import ema
from keras_optim.optimizer import Optimizer, Slots, Tensor


class QHM(Optimizer):
    r"""Quasi-hyperbolic momentum: part plain gradient, part long memory.

    $$
    m_t = \beta\, m_{t-1} + (1-\beta)\, g_t, \qquad
    x_t = x_{t-1} - \eta\, \bigl((1-\nu)\, g_t + \nu\, m_t\bigr)
    $$

    with $\beta$ = `momentum`. A very long memory reduces noise, and the share of the fresh gradient
    keeps it from being stale. `nu=0` is SGD; `nu=1` is momentum as a moving average;
    `nu=momentum` is Nesterov's. A steady step is as long as the rate times the gradient, so coming
    from `SGD(rate, momentum=0.9)` take ten times that rate.

    As the authors' code and pytorch-optimizer. Keras has no QHM.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.1.
        momentum: In [0, 1), decay of the mean of the gradient. Default 0.999.
        nu: In [0, 1], share of the momentum in the step. Default 0.7.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: `nu=momentum` is Nesterov's momentum.

    >>> import numpy as np, keras, keras_optim
    >>> def after(optimizer):
    ...     x = keras.Variable([0.0])
    ...     for g in (1.0, -3.0, 2.0):
    ...         optimizer.apply([np.array([g], "float32")], [x])
    ...     return x.numpy().round(4)
    >>> print(after(keras_optim.QHM(1.0, momentum=0.75, nu=0.75)))
    [0.1758]
    >>> print(after(keras_optim.SGD(0.25, momentum=0.75, nesterov=True)))
    [0.1758]

    Reference:
        Ma, Yarats, "Quasi-hyperbolic momentum and Adam for deep learning", ICLR 2019,
        https://arxiv.org/abs/1810.06801
    """

    slots = ("momentum",)
    memory = 1
    rotation_equivariant = True

    def __init__(
        self,
        learning_rate: LearningRate = 0.1,
        momentum: Decay = 0.999,
        nu: Fraction = 0.7,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, **kwargs)
        self.momentum = momentum
        self.nu = nu

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        m = ema(s["momentum"], g, self.momentum)
        return -lr * ema(m, g, self.nu), {"momentum": m}
