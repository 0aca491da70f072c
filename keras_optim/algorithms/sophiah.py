"""SophiaH: Sophia with the diagonal of the Hessian, from products with random signs."""

from typing import Unpack

from keras_optim.algorithms.curvature import Seed, Sophia
from keras_optim.arguments.ranges import (
    Decay,
    Epsilon,
    KerasOptions,
    LearningRate,
    Period,
    Positive,
)
from keras_optim.numerics import ema
from keras_optim.optimizer import Slots, Tensor


class SophiaH(Sophia):
    r"""Divide the momentum by an estimate of the Hessian's diagonal, and clip each weight.

    $$
    \begin{aligned}
    m_t &= \beta_1 m_{t-1} + (1-\beta_1)\, g_t \\
    h_t &= \beta_2 h_{t-k} + (1-\beta_2)\, z_t \odot (H_t z_t) \qquad
        \text{at steps } 1,\, 1+k,\, 1+2k, \dots \\
    x_t &= x_{t-1} - \eta\, \operatorname{clip}\left(
        \frac{m_t}{\max(\gamma h_t,\, \epsilon)},\; -1,\; 1\right)
    \end{aligned}
    $$

    with $H_t$ the Hessian of the batch's loss, and $z_t$ random signs (the paper draws normal
    numbers; signs have less variance and the same mean). Where the curvature is negative or small,
    the step is clipped to $\eta$. See `SophiaG` for the rate and $\gamma$; this one suits any loss
    that can be differentiated twice.

    Every `refresh_period`-th step costs a Hessian product, two to three gradients, and needs a line
    before `fit`:

        keras_optim.two_pass(model)

    In a training loop of your own, write `optimizer.apply(gradients, variables, second=function)`,
    where `function(directions)` returns the Hessian times `directions`, such as
    `keras_optim.hessian_products(loss, variables)`. With `gradient_accumulation_steps`, the last
    batch of a step stands for all. An estimate with an infinite number or NaN is left out.

    Args:
        learning_rate: >= 0, or a schedule. Default 1e-4.
        beta_1: In [0, 1), decay of the mean of the gradient. Default 0.96.
        beta_2: In [0, 1), decay of the mean of the curvature. Default 0.99.
        gamma: > 0, how much of the curvature counts. Default 0.01.
        epsilon: >= 1e-30, the smallest denominator. Default 1e-12.
        refresh_period: Steps from one estimate of the curvature to the next, >= 1. Default 10.
        seed: An integer from 0 to 2**64 - 1, for the signs; `None`: drawn once, and kept in the
            configuration. Default `None`. Backends draw different numbers from one seed.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Raises:
        ValueError: at the first step, if nobody computes Hessian products.

    Example: Newton's step for 2 x², of which it sees a hundredth of the curvature.

    >>> import keras, keras_optim
    >>> x = keras.Variable([1.0])
    >>> optimizer = keras_optim.SophiaH(1.0, beta_1=0.0, gamma=100.0, seed=0)
    >>> products = keras_optim.hessian_products(lambda: 2.0 * x[0] ** 2, [x])
    >>> optimizer.apply([4.0 * keras.ops.ones((1,))], [x], second=products)
    >>> print(x.numpy().round(4))
    [0.]

    Reference:
        Liu et al., "Sophia: a scalable stochastic second-order optimizer for language model
        pre-training", ICLR 2024, https://arxiv.org/abs/2305.14342
    """

    second = "hessian_product"

    def __init__(
        self,
        learning_rate: LearningRate = 1e-4,
        beta_1: Decay = 0.96,
        beta_2: Decay = 0.99,
        gamma: Positive = 0.01,
        epsilon: Epsilon = 1e-12,
        refresh_period: Period = 10,
        seed: Seed = None,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(
            learning_rate, beta_1, beta_2, gamma, epsilon, refresh_period, seed, **kwargs
        )

    def observe(self, seen: Tensor, x: Tensor, s: Slots, t: Tensor) -> Slots:
        diagonal = self.hessian_direction(x, s, t) * seen
        return {"hessian": ema(s["hessian"], diagonal, self.beta_2)}
