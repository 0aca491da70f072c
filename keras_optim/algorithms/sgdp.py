"""SGDP: SGD with momentum that does not let scale-invariant weights grow."""

from typing import Unpack

from keras_optim.algorithms.projected import Projected
from keras_optim.arguments.ranges import (
    Decay,
    Epsilon,
    Fraction,
    KerasOptions,
    LearningRate,
    NonNegative,
)
from keras_optim.optimizer import Slots, Tensor


class SGDP(Projected):
    r"""SGD with momentum, without the part of the step that only makes the weights longer.

    $$
    m_t = \mu\, m_{t-1} + g_t, \qquad
    \tilde m_t = \begin{cases} m_t - (u^\top m_t)\, u, \quad u = \frac{x}{\|x\| + \epsilon} &
    |\cos(x, g_t)| < \delta / \sqrt{\dim x} \\ m_t & \text{otherwise} \end{cases}, \qquad
    x_t = x_{t-1} - \eta\, \tilde m_t
    $$

    With `nesterov` $g_t + \mu\, m_t$ takes the place of $m_t$. For nets with normalisation layers:
    there momentum lengthens the weights ($1 + 2\mu/(1-\mu)$ times as fast as plain SGD, in squared
    norm) and so shortens all further steps; `keras_optim.AdamP` says how such weights are found.
    Tune as SGD with momentum; the authors take `nesterov=True`.

    Where the step is projected weight decay is `wd_ratio` of `weight_decay`. It is decoupled as
    elsewhere, `rate * weight_decay * x`; the authors' code and pytorch-optimizer divide it by
    `1 - momentum`, so give here ten times theirs at 0.9. The output channel is the last axis of a
    kernel, as in Keras. Keras has no SGDP.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.1.
        momentum: In [0, 1). Default 0.9.
        nesterov: Look ahead along the momentum. Default `False`.
        epsilon: >= 1e-30, added to the norm. Default 1e-8.
        delta: >= 0, threshold of the cosine; 0 is SGD. Default 0.1.
        wd_ratio: In [0, 1], share of weight decay where projected. Default 0.1.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: ten steps orthogonal to weights of length 5.

    >>> import numpy as np, keras, keras_optim
    >>> def length(optimizer):
    ...     x = keras.Variable([[3.0], [4.0]])
    ...     for _ in range(10):
    ...         a, b = x.numpy().ravel()
    ...         optimizer.apply([np.array([[b], [-a]])], [x])
    ...     return round(float(np.linalg.norm(x.numpy())), 1)
    >>> length(keras_optim.SGD(0.1, momentum=0.9)), length(keras_optim.SGDP(0.1))
    (18.7, 7.2)

    Reference:
        Heo et al., "AdamP: slowing down the slowdown for momentum optimizers on scale-invariant
        weights", ICLR 2021, https://arxiv.org/abs/2006.08217
    """

    slots = ("momentum",)
    memory = 1
    elementwise = False

    def __init__(
        self,
        learning_rate: LearningRate = 0.1,
        momentum: Decay = 0.9,
        nesterov: bool = False,
        epsilon: Epsilon = 1e-8,
        delta: NonNegative = 0.1,
        wd_ratio: Fraction = 0.1,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, nesterov, epsilon, delta, wd_ratio, **kwargs)
        self.momentum = momentum

    def direction(self, g: Tensor, s: Slots, t: Tensor) -> tuple[Tensor, Slots]:
        m = self.momentum * s["momentum"] + g
        return (g + self.momentum * m if self.nesterov else m), {"momentum": m}
