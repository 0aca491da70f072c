"""MoMoAdam: Adam whose step ends where a model of the loss meets a lower bound."""

from typing import Annotated, Unpack

from keras import ops

from keras_optim.algorithms.loss_model import LossModel
from keras_optim.arguments.ranges import Decay, Epsilon, KerasOptions, LearningRate, Range
from keras_optim.numerics import bias, bounded, ema, unbias
from keras_optim.optimizer import Slots, Tensor
from keras_optim.trees import Tree


class MoMoAdam(LossModel):
    r"""Adam with Polyak's step size: `keras_optim.MoMo` in Adam's metric.

    $$
    \begin{aligned}
    D_t &= \sqrt{v_t / (1-\beta_2^t)} + \epsilon, \qquad \rho_t = 1 - \beta_1^t \\
    \tau_t &= \min\left(\frac{\eta}{\rho_t},\;
        \frac{\max\left((1 + \eta\lambda)(\bar f_t - \rho_t f_* - \gamma_t)
        + \langle d_t, x_{t-1} \rangle,\, 0\right)}{\langle d_t, d_t / D_t \rangle}\right), \qquad
    x_t = \frac{x_{t-1} - \tau_t d_t / D_t}{1 + \eta\lambda}
    \end{aligned}
    $$

    with $d$, $\bar f$ and $\gamma$ as in `keras_optim.MoMo`, from zero, and $v$ as in Adam. While
    the limit $\eta/\rho_t$ holds, it is Adam; a rate that is too high does less harm than there.

    It needs the loss: add the line `keras_optim.two_pass(model)` before `fit`. In a loop of your
    own write `apply(gradients, variables, loss=value)`. `weight_decay` is proximal. As here:
    momo-opt, `optax.contrib.momo_adam`. Keras has no MoMo.

    Args:
        learning_rate: >= 0, or a schedule: the longest step. Default 0.01.
        beta_1: In [0, 1), decay of the means of gradient and loss. Default 0.9.
        beta_2: In [0, 1), decay of the mean of the square. Default 0.999.
        epsilon: >= 1e-30, added to the root. Default 1e-8.
        lower_bound: In [-1e15, 1e15], the smallest loss that is possible; for most losses 0.
            Default 0.0.
        adapt_lower_bound: Whether the bound rises to an estimate of the smallest loss, for models
            that cannot reach 0. Default `False`.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: the tangent of the loss meets 0 half of the way to the minimum, before a step of 100.

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([4.0])
    >>> optimizer = keras_optim.MoMoAdam(learning_rate=100.0)
    >>> optimizer.apply([2 * x.numpy()], [x], loss=16.0)
    >>> print(x.numpy().round(4))
    [2.]

    Reference:
        Schaipp, Ohana, Eickenberg, Defazio, Gower, "MoMo: momentum models for adaptive learning
        rates", ICML 2024, https://arxiv.org/abs/2305.07583
    """

    slots = ("momentum", "velocity")
    memory = 2

    def __init__(
        self,
        learning_rate: LearningRate = 0.01,
        beta_1: Decay = 0.9,
        beta_2: Decay = 0.999,
        epsilon: Epsilon = 1e-8,
        lower_bound: Annotated[float, Range(-1e15, 1e15)] = 0.0,
        adapt_lower_bound: bool = False,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, lower_bound, adapt_lower_bound, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    @property
    def _decay(self) -> float:
        return self.beta_1

    def share(self, t: Tensor, like: Tensor) -> Tensor:
        return bias(self.beta_1, t, like)

    def measure(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tree, Slots]:
        d, v = self.mean(s["momentum"], g, t), ema(s["velocity"], g * g, self.beta_2)
        direction = bounded(d / (ops.sqrt(unbias(v, self.beta_2, t)) + self.epsilon))
        carry = {"mean": d, "square": v, "direction": direction}
        return self.sums(g, d, direction, x, s, lr), carry

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        change = self.moved_to(s["direction"], x, s, lr)
        return change, {"momentum": s["mean"], "velocity": s["square"]}
