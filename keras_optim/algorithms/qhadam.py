"""QHAdam: Adam with a share of the fresh gradient in both moments."""

from typing import Unpack

from keras_optim.algorithms.moments import Moments
from keras_optim.arguments.ranges import Decay, Epsilon, Fraction, KerasOptions, LearningRate
from keras_optim.numerics import ema, root, unbias
from keras_optim.optimizer import Slots, Tensor


class QHAdam(Moments):
    r"""Quasi-hyperbolic Adam: part fresh gradient, part moment, above and below.

    $$
    x_t = x_{t-1} - \eta\, \frac{(1-\nu_1)\, g_t + \nu_1\, \hat m_t}
        {\sqrt{(1-\nu_2)\, g_t^2 + \nu_2\, \hat v_t} + \epsilon}
    $$

    with $\hat m_t$, $\hat v_t$ as in Adam. `nu_1=1, nu_2=1` is Adam; `nu_1=0, nu_2=1` RMSprop with
    bias correction; `nu_1=beta_1` Nadam without its schedule. The defaults are the paper's
    recommendation, a longer memory than Adam's with a share of the fresh gradient; lower `nu_2`
    where Adam's rare long steps make training unstable.

    The authors' code and pytorch-optimizer default to Adam's `beta_1=0.9, nu_1=1, nu_2=1`. Keras
    has no QHAdam.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.001.
        beta_1: In [0, 1), decay of the mean of the gradient. Default 0.995.
        beta_2: In [0, 1), decay of the mean of its square. Default 0.999.
        nu_1: In [0, 1], share of the first moment. Default 0.7.
        nu_2: In [0, 1], share of the second moment. Default 1.
        epsilon: >= 1e-30, added to the root. Default 1e-8.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: with both shares 1 it is Adam; with both 0 each step is a sign.

    >>> import numpy as np, keras, keras_optim
    >>> def after(optimizer):
    ...     x = keras.Variable([0.0])
    ...     for g in (1.0, -3.0, 2.0):
    ...         optimizer.apply([np.array([g], "float32")], [x])
    ...     return x.numpy().round(4)
    >>> print(after(keras_optim.Adam(1.0)), after(keras_optim.QHAdam(1.0, 0.9, nu_1=1, nu_2=1)))
    [-0.5246] [-0.5246]
    >>> print(after(keras_optim.QHAdam(1.0, nu_1=0, nu_2=0)))
    [-1.]

    Reference:
        Ma, Yarats, "Quasi-hyperbolic momentum and Adam for deep learning", ICLR 2019,
        https://arxiv.org/abs/1810.06801
    """

    memory = 2
    scale_invariant = True

    def __init__(
        self,
        learning_rate: LearningRate = 1e-3,
        beta_1: Decay = 0.995,
        beta_2: Decay = 0.999,
        nu_1: Fraction = 0.7,
        nu_2: Fraction = 1.0,
        epsilon: Epsilon = 1e-8,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **kwargs)
        self.nu_1 = nu_1
        self.nu_2 = nu_2

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        m, v = self.averages(g, s)
        above = ema(unbias(m, self.beta_1, t), g, self.nu_1)
        below = unbias(v, self.beta_2, t)
        if self.nu_2 < 1.0:
            below = ema(below, g * g, self.nu_2)
        return -lr * above / root(below, self.epsilon), {"momentum": m, "velocity": v}
