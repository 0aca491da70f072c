"""ADOPT: Adam whose denominator does not know the gradient that it divides."""

from typing import Unpack

from keras import ops

from keras_optim.algorithms.moments import Moments
from keras_optim.arguments.ranges import Decay, Epsilon, KerasOptions, LearningRate
from keras_optim.numerics import between, ema, larger
from keras_optim.optimizer import Slots, Tensor


class ADOPT(Moments):
    r"""Adam that converges for any `beta_2`: divide by past gradients, then take the momentum.

    $$
    \begin{aligned}
    m_t &= \beta_1 m_{t-1} + (1-\beta_1) \operatorname{clip}\left(
        \frac{g_t}{\max(\sqrt{v_{t-1}},\, \epsilon)},\; -c_t,\; c_t \right), \qquad
        c_t = (t-1)^{1/4} \\
    v_t &= \beta_2 v_{t-1} + (1-\beta_2)\, g_t^2, \qquad v_1 = g_1^2 \\
    x_t &= x_{t-1} - \eta\, m_t
    \end{aligned}
    $$

    In Adam a rare large gradient enlarges its own denominator, so it counts for less than the many
    small ones against it, and Adam can walk the wrong way (Reddi's example, see `AMSGrad`). Here
    the denominator is made of the gradients before, and the proof needs no bound on the noise.
    So `beta_2` may be close to 1: the denominator then hardly changes, and there is little to tune
    beyond `learning_rate`, which is about Adam's. The bound $c_t$ matters at the beginning, where
    $v$ is one gradient squared: it lets no weight move far until $v$ is known better.

    The first step moves nothing, as it only starts $v$; the paper counts it as $t = 0$. Weight
    decay acts from the first step on (in the authors' code, depending on its version, from the
    second). As here: `optax.contrib.adopt`. pytorch-optimizer's bound is that of the next step.
    Keras has no ADOPT.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.001.
        beta_1: In [0, 1), decay of the mean of the normalised gradient. Default 0.9.
        beta_2: In [0, 1), decay of the mean of the square. Default 0.9999.
        epsilon: >= 1e-30, the smallest denominator. Default 1e-6.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: nothing, then a step of the rate; then a gradient 100 times larger, up to the bound.

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([0.0])
    >>> optimizer = keras_optim.ADOPT(learning_rate=0.5, beta_1=0.0)
    >>> for g in (-2.0, -2.0, -200.0):
    ...     optimizer.apply([np.array([g], "float32")], [x])
    ...     print(x.numpy().round(4))
    [0.]
    [0.5]
    [1.0946]

    Reference:
        Taniguchi et al., "ADOPT: modified Adam can converge with any beta2 with the optimal
        rate", NeurIPS 2024, https://arxiv.org/abs/2411.02853
    """

    memory = 2
    scale_invariant = True

    def __init__(
        self,
        learning_rate: LearningRate = 1e-3,
        beta_1: Decay = 0.9,
        beta_2: Decay = 0.9999,
        epsilon: Epsilon = 1e-6,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **kwargs)

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        v, square = s["velocity"], g * g
        bound = ops.sqrt(ops.sqrt(ops.cast(t - 1, x.dtype)))
        normalised = between(g / larger(ops.sqrt(v), self.epsilon), -bound, bound)
        m = ema(s["momentum"], normalised, self.beta_1)
        v = ops.where(t > 1, ema(v, square, self.beta_2), square)
        return -lr * m, {"momentum": m, "velocity": v}
