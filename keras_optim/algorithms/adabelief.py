"""AdaBelief: long steps where the gradient is as expected."""

from typing import Unpack

from keras_optim.algorithms.moments import Moments
from keras_optim.arguments.ranges import Decay, Epsilon, KerasOptions, LearningRate
from keras_optim.numerics import ema, unbias, unbiased_root
from keras_optim.optimizer import Slots, Tensor


class AdaBelief(Moments):
    r"""Adam that divides by how far gradients stray from their mean.

    $$
    v_t = \beta_2 v_{t-1} + (1-\beta_2)\,(g_t - m_t)^2 + \epsilon, \qquad
    x_t = x_{t-1} - \eta\, \frac{\hat m_t}{\sqrt{\hat v_t} + \epsilon}
    $$

    with $m_t$, $\hat m_t$, $\hat v_t$ as in Adam. Where gradients agree with the momentum, $v$ is
    small and the step long; where they surprise, it is short. Often as quick as Adam and as good
    at the end as SGD on vision models. It is sensitive to `epsilon`, which enters twice: 1e-16 for
    transformers and GANs, 1e-8 for vision with a step schedule.

    As the authors' code, `optax.adabelief(eps_root=eps)` and pytorch-optimizer. Addons's
    class rectifies by default (`rectify=True`), as RAdam does, with epsilon 1e-14: another rule.
    Keras has no AdaBelief.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.001.
        beta_1: In [0, 1), decay of the mean of the gradient. Default 0.9.
        beta_2: In [0, 1), decay of the mean squared surprise. Default 0.999.
        epsilon: >= 1e-30, added to `v` at each step and to the root. Default 1e-16.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: steady gradients give steps longer than the rate.

    >>> import numpy as np, keras, keras_optim
    >>> def distance(optimizer):
    ...     x = keras.Variable([0.0])
    ...     for _ in range(20):
    ...         optimizer.apply([np.array([-1.0], "float32")], [x])
    ...     return float(x.numpy()[0])
    >>> round(distance(keras_optim.Adam(0.1)), 2), distance(keras_optim.AdaBelief(0.1)) > 3.0
    (2.0, True)

    Reference:
        Zhuang et al., "AdaBelief optimizer: adapting stepsizes by the belief in observed
        gradients", NeurIPS 2020, https://arxiv.org/abs/2010.07468
    """

    memory = 2
    scale_invariant = True

    def __init__(
        self,
        learning_rate: LearningRate = 1e-3,
        beta_1: Decay = 0.9,
        beta_2: Decay = 0.999,
        epsilon: Epsilon = 1e-16,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **kwargs)

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        m = ema(s["momentum"], g, self.beta_1)
        v = ema(s["velocity"], (g - m) ** 2, self.beta_2) + self.epsilon
        share, denominator = unbiased_root(v, self.beta_2, t, self.epsilon)
        change = -unbias(lr * share, self.beta_1, t) * m / denominator
        return change, {"momentum": m, "velocity": v}
