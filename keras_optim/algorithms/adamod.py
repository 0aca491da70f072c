"""AdaMod: Adam whose rates cannot jump."""

from typing import Unpack

from keras_optim.algorithms.moments import Moments
from keras_optim.arguments.ranges import Decay, Epsilon, KerasOptions, LearningRate
from keras_optim.numerics import ema, root, smaller, unbias
from keras_optim.optimizer import Slots, Tensor


class AdaMod(Moments):
    r"""Adam whose rate of each weight is bounded by its own running mean.

    $$
    \eta_t = \frac{\eta}{\sqrt{\hat v_t} + \epsilon}, \qquad
    r_t = \beta_3 r_{t-1} + (1-\beta_3)\, \eta_t, \qquad
    x_t = x_{t-1} - \min(\eta_t, r_t)\, \hat m_t
    $$

    with $\hat m_t$, $\hat v_t$ as in Adam. The mean $r$ starts at zero and is not corrected, so
    the first steps are `1 - beta_3` of Adam's and grow over `1 / (1 - beta_3)` steps: a warmup is
    built in, and a weight whose gradient suddenly vanishes takes no giant step. Use it where Adam
    diverges early, as transformers do; `beta_3` of 0.999 to 0.9999 for long runs, lower for short.

    The authors' code and pytorch-optimizer bound `rate * sqrt(1 - beta_2**t) / (1 - beta_1**t) /
    (sqrt(v) + epsilon)` instead: they take the correction of `m` into the bounded rate, and
    epsilon before that of `v`. Here it is Algorithm 1 of the paper. Keras has no AdaMod.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.001.
        beta_1: In [0, 1), decay of the mean of the gradient. Default 0.9.
        beta_2: In [0, 1), decay of the mean of its square. Default 0.999.
        beta_3: In [0, 1), decay of the mean of the rate; 0 is Adam. Default 0.999.
        epsilon: >= 1e-30, added to the root. Default 1e-8.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: equal gradients; Adam would go 0.1 at each step.

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([1.0])
    >>> optimizer = keras_optim.AdaMod(learning_rate=0.1, beta_3=0.5)
    >>> for _ in range(3):
    ...     optimizer.apply([np.array([1.0], "float32")], [x])
    ...     print(x.numpy().round(4))
    [0.95]
    [0.875]
    [0.7875]

    Reference:
        Ding, Ren, Luo, Sun, "An adaptive and momental bound method for stochastic learning", 2019,
        https://arxiv.org/abs/1910.12249
    """

    slots = ("momentum", "velocity", "rate")
    memory = 3
    scale_invariant = True
    trial_rate = 1.0  # it warms up slowly

    def __init__(
        self,
        learning_rate: LearningRate = 1e-3,
        beta_1: Decay = 0.9,
        beta_2: Decay = 0.999,
        beta_3: Decay = 0.999,
        epsilon: Epsilon = 1e-8,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **kwargs)
        self.beta_3 = beta_3

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        m, v = self.averages(g, s)
        rate = lr / root(unbias(v, self.beta_2, t), self.epsilon)
        mean_rate = ema(s["rate"], rate, self.beta_3)
        step = smaller(rate, mean_rate) * unbias(m, self.beta_1, t)
        return -step, {"momentum": m, "velocity": v, "rate": mean_rate}
