"""AdaHessian: Adam whose denominator is the curvature."""

from typing import Annotated, Unpack

from keras import ops

from keras_optim.algorithms.curvature import Curvature, Seed
from keras_optim.arguments.ranges import (
    Decay,
    Epsilon,
    KerasOptions,
    LearningRate,
    Period,
    Range,
)
from keras_optim.numerics import bias, ema, mean, unbias
from keras_optim.optimizer import Slots, Tensor


class AdaHessian(Curvature):
    r"""Adam with the diagonal of the Hessian in place of the gradient in its denominator.

    $$
    \begin{aligned}
    D_t &= \operatorname{mean}_{h,w} \left| z_t \odot (H_t z_t) \right|, \qquad
    v_t = \beta_2 v_{t-1} + (1-\beta_2)\, D_t^2 \\
    x_t &= x_{t-1} - \eta\, \frac{\hat m_t}{\hat v_t^{\,k/2} + \epsilon}
    \end{aligned}
    $$

    with $\hat m_t$, $\hat v_t$ corrected means as in Adam, $H_t$ the Hessian of the batch's loss
    and $z_t$ random signs. The mean is that over the places of a convolution kernel, which have one
    input and one output in common. The steps are Newton's where the Hessian is diagonal, so
    the rate is far larger than Adam's: 0.15 in the paper, for all its networks, with
    Adam's decoupled weight decay.

    Each step costs a Hessian product, two to three gradients; a larger `refresh_period` keeps the
    curvature for so many steps. It needs a line before `fit`:

        keras_optim.two_pass(model)

    In a training loop of your own, write `optimizer.apply(gradients, variables, second=function)`,
    where `function(directions)` returns the Hessian times `directions`, such as
    `keras_optim.hessian_products(loss, variables)`. With `gradient_accumulation_steps`, the last
    batch of a step stands for all. An estimate with an infinite number or NaN is left out.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.15.
        beta_1: In [0, 1), decay of the mean of the gradient. Default 0.9.
        beta_2: In [0, 1), decay of the mean of the squared curvature. Default 0.999.
        epsilon: >= 1e-30, added to the denominator. Default 1e-4.
        hessian_power: In [0, 1], $k$: 1 is Newton's step, 0 is momentum. Default 1.
        refresh_period: Steps from one estimate of the curvature to the next, >= 1. Default 1.
        seed: An integer from 0 to 2**64 - 1, for the signs; `None`: drawn once, and kept in the
            configuration. Default `None`. Backends draw different numbers from one seed.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Raises:
        ValueError: at the first step, if nobody computes Hessian products.

    Example: Newton's step for 2 x² + y² / 2 goes to the minimum of both.

    >>> import keras, keras_optim
    >>> x = keras.Variable([1.0, 1.0])
    >>> optimizer = keras_optim.AdaHessian(1.0, epsilon=1e-8, seed=0)
    >>> products = keras_optim.hessian_products(lambda: 2.0 * x[0] ** 2 + x[1] ** 2 / 2.0, [x])
    >>> optimizer.apply([keras.ops.array([4.0, 1.0])], [x], second=products)
    >>> print(x.numpy().round(4) + 0.0)
    [0. 0.]

    Reference:
        Yao et al., "AdaHessian: an adaptive second order optimizer for machine learning", AAAI
        2021, https://arxiv.org/abs/2006.00719
    """

    slots = ("momentum", "velocity")
    observed = ("velocity",)
    memory = 2
    second = "hessian_product"

    def __init__(
        self,
        learning_rate: LearningRate = 0.15,
        beta_1: Decay = 0.9,
        beta_2: Decay = 0.999,
        epsilon: Epsilon = 1e-4,
        hessian_power: Annotated[float, Range(0, 1)] = 1.0,
        refresh_period: Period = 1,
        seed: Seed = None,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, refresh_period, seed, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.hessian_power = hessian_power

    def observe(self, seen: Tensor, x: Tensor, s: Slots, t: Tensor) -> Slots:
        diagonal = ops.abs(self.hessian_direction(x, s, t) * seen)
        if len(x.shape) > 2:
            places = tuple(range(len(x.shape) - 2))
            diagonal = mean(diagonal, axis=places) * ops.ones_like(x)
        return {"velocity": ema(s["velocity"], diagonal * diagonal, self.beta_2)}

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        m, v = ema(s["momentum"], g, self.beta_1), s["velocity"]
        looks = (t - 1) // self.refresh_period + 1
        size = ops.sqrt(v / bias(self.beta_2, looks, like=v))
        if self.hessian_power != 1.0:
            size = size**self.hessian_power
        step = unbias(m, self.beta_1, t) / (size + self.epsilon)
        return -lr * step, {"momentum": m, "velocity": v}
