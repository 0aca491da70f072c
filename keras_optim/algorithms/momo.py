"""MoMo: momentum whose step ends where a model of the loss meets a lower bound."""

from typing import Annotated, Unpack

from keras import ops

from keras_optim.algorithms.loss_model import LossModel
from keras_optim.arguments.ranges import Decay, KerasOptions, LearningRate, Range
from keras_optim.numerics import bias
from keras_optim.optimizer import Slots, Tensor
from keras_optim.trees import Tree


class MoMo(LossModel):
    r"""Momentum with Polyak's step size, made for mini-batches.

    $$
    \begin{aligned}
    d_t &= \beta d_{t-1} + (1-\beta)\, g_t, \quad
    \bar f_t = \beta \bar f_{t-1} + (1-\beta)\, f_t, \quad
    \gamma_t = \beta \gamma_{t-1} + (1-\beta) \langle g_t, x_{t-1} \rangle \\
    \tau_t &= \min\left(\frac{\eta}{\rho_t},\;
        \frac{\max\left((1 + \eta\lambda)(\bar f_t - \rho_t f_* - \gamma_t)
        + \langle d_t, x_{t-1} \rangle,\, 0\right)}{\lVert d_t \rVert^2}\right), \qquad
    x_t = \frac{x_{t-1} - \tau_t d_t}{1 + \eta\lambda}
    \end{aligned}
    $$

    with $\rho_t = 1$ and means that begin at their first values; or, with `use_bias_correction`,
    $\rho_t = 1 - \beta^t$ and means that begin at 0. Past losses and gradients make a model of the
    loss, and the step goes to where that meets the lower bound $f_*$, but no further than
    `learning_rate` allows. So a rate that is too high does no harm: the paper trains well over a
    wider range of rates than SGD with momentum. For `beta=0` it is Polyak's step size with a limit,
    $\min(\eta, (f_t - f_*) / \lVert g_t \rVert^2)$, as `optax.polyak_sgd` has it.

    It needs the loss: add the line `keras_optim.two_pass(model)` before `fit`. In a loop of your
    own write `apply(gradients, variables, loss=value)`. `weight_decay` is proximal. As here:
    momo-opt, `optax.contrib.momo`. Keras has no MoMo.

    Args:
        learning_rate: >= 0, or a schedule: the longest step. Default 1.0.
        beta: In [0, 1), decay of all means. Default 0.9.
        lower_bound: In [-1e15, 1e15], the smallest loss that is possible; for most losses 0.
            Default 0.0.
        use_bias_correction: Whether means begin at 0. Default `False`.
        adapt_lower_bound: Whether the bound rises to an estimate of the smallest loss, for models
            that cannot reach 0. Default `False`.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: the loss is x squared, and its tangent meets 0 half of the way to the minimum.

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([4.0])
    >>> optimizer = keras_optim.MoMo(learning_rate=100.0)
    >>> optimizer.apply([2 * x.numpy()], [x], loss=16.0)
    >>> print(x.numpy())
    [2.]

    Reference:
        Schaipp, Ohana, Eickenberg, Defazio, Gower, "MoMo: momentum models for adaptive learning
        rates", ICML 2024, https://arxiv.org/abs/2305.07583
    """

    memory = 1
    rotation_equivariant = True
    trial_arguments = {"lower_bound": -12.0}

    def __init__(
        self,
        learning_rate: LearningRate = 1.0,
        beta: Decay = 0.9,
        lower_bound: Annotated[float, Range(-1e15, 1e15)] = 0.0,
        use_bias_correction: bool = False,
        adapt_lower_bound: bool = False,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, lower_bound, adapt_lower_bound, **kwargs)
        self.beta = beta
        self.use_bias_correction = use_bias_correction

    @property
    def _decay(self) -> float:
        return self.beta

    @property
    def _from_zero(self) -> bool:
        return self.use_bias_correction

    def share(self, t: Tensor, like: Tensor) -> Tensor:
        return bias(self.beta, t, like) if self.use_bias_correction else ops.ones_like(like)

    def measure(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tree, Slots]:
        d = self.mean(s["momentum"], g, t)
        return self.sums(g, d, d, x, s, lr), {"mean": d}

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        return self.moved_to(s["mean"], x, s, lr), {"momentum": s["mean"]}
