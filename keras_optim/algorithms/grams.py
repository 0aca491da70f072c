"""Grams: the size of Adam's step, and the sign of the gradient."""

from typing import Unpack

from keras import ops

from keras_optim.algorithms.moments import Moments
from keras_optim.arguments.ranges import Decay, Epsilon, KerasOptions, LearningRate
from keras_optim.numerics import sign, unbias, unbiased_root
from keras_optim.optimizer import Slots, Tensor


class Grams(Moments):
    r"""Adam that never steps against the gradient: momentum says how far, not where to.

    $$
    x_t = x_{t-1} - \eta\, \operatorname{sign}(g_t)
        \left| \frac{\hat m_t}{\sqrt{\hat v_t} + \epsilon} \right|
    $$

    with $\hat m_t$, $\hat v_t$ as in Adam. A momentum that points uphill for this batch is turned
    around, where `keras_optim.Cautious` leaves it out. The loss goes down faster while gradients
    agree; where they are mostly noise, momentum no longer averages it out, so use large batches.
    Tune as Adam.

    Epsilon is added to the corrected root, as in the paper and in pytorch-optimizer; the authors'
    code adds it before the correction, as Keras's Adam does. Keras and optax have no Grams.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.001.
        beta_1: In [0, 1), decay of the mean of the gradient. Default 0.9.
        beta_2: In [0, 1), decay of the mean of its square. Default 0.999.
        epsilon: >= 1e-30, added to the root. Default 1e-6.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: after five gradients one way and one the other way, Adam still follows the five.

    >>> import numpy as np, keras, keras_optim
    >>> for rule in (keras_optim.Adam, keras_optim.Grams):
    ...     x, path = keras.Variable([0.0]), []
    ...     optimizer = rule(learning_rate=0.1)
    ...     for g in (-1.0, -1.0, -1.0, -1.0, -1.0, 1.0):
    ...         optimizer.apply([np.array([g], "float32")], [x])
    ...         path.append(float(x.numpy()[0]))
    ...     print(round(path[5] - path[4], 3))
    0.057
    -0.057

    Reference:
        Cao, Li, Song, "Grams: gradient descent with adaptive momentum scaling", 2024,
        https://arxiv.org/abs/2412.17107
    """

    memory = 2
    scale_invariant = True

    def __init__(
        self,
        learning_rate: LearningRate = 1e-3,
        beta_1: Decay = 0.9,
        beta_2: Decay = 0.999,
        epsilon: Epsilon = 1e-6,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **kwargs)

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        m, v = self.averages(g, s)
        share, denominator = unbiased_root(v, self.beta_2, t, self.epsilon)
        change = -unbias(lr * share, self.beta_1, t) * (sign(g) * ops.abs(m)) / denominator
        return change, {"momentum": m, "velocity": v}
