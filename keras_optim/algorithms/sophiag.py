"""SophiaG: Sophia with the Gauss-Newton matrix, from labels drawn from the model."""

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


class SophiaG(Sophia):
    r"""Divide the momentum by an estimate of the Gauss-Newton diagonal, and clip each weight.

    $$
    \begin{aligned}
    m_t &= \beta_1 m_{t-1} + (1-\beta_1)\, g_t \\
    h_t &= \beta_2 h_{t-k} + (1-\beta_2)\, B\, \hat g_t^2 \qquad
        \text{at steps } 1,\, 1+k,\, 1+2k, \dots \\
    x_t &= x_{t-1} - \eta\, \operatorname{clip}\left(
        \frac{m_t}{\max(\gamma h_t,\, \epsilon)},\; -1,\; 1\right)
    \end{aligned}
    $$

    with $\hat g_t$ the gradient of the mean loss for $B$ labels that are drawn from the model's
    own predictions. A flat direction is clipped, so it moves by $\eta$, as with `Lion`; a sharp one
    moves by less. Choose $\gamma$ so that 10 to 50 % of the weights are not clipped. The paper's
    rate is a little below AdamW's, with a weight decay of 0.1 to 0.2.

    Every `refresh_period`-th step costs a second gradient, and needs a line before `fit`:

        keras_optim.two_pass(model)

    The model must have one output, and one loss of these: a cross-entropy or the mean squared
    error. For others take `SophiaH`. In a training loop of your own, write
    `optimizer.apply(gradients, variables, second=function)`, where `function()` returns
    $\sqrt{B}\,\hat g_t$. With `gradient_accumulation_steps`, the last batch of a step stands for
    all. An estimate with an infinite number or NaN is left out.

    Args:
        learning_rate: >= 0, or a schedule. Default 1e-4.
        beta_1: In [0, 1), decay of the mean of the gradient. Default 0.965.
        beta_2: In [0, 1), decay of the mean of the curvature. Default 0.99.
        gamma: > 0, how much of the curvature counts. Default 0.05.
        epsilon: >= 1e-30, the smallest denominator. Default 1e-12.
        refresh_period: Steps from one estimate of the curvature to the next, >= 1. Default 10.
        seed: An integer from 0 to 2**64 - 1, for the labels; `None`: drawn once, and kept in the
            configuration. Default `None`. Backends draw different numbers from one seed.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Raises:
        ValueError: at the first step, if nobody computes the second gradient.

    Example: the curvature 0.01 * 2² leaves a step of 0.5; a hundredth of it is clipped.

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([0.0, 0.0])
    >>> optimizer = keras_optim.SophiaG(1.0, beta_1=0.0, gamma=25.0)
    >>> drawn = np.array([2.0, 0.2], "float32")
    >>> optimizer.apply([np.array([0.5, 0.5], "float32")], [x], second=lambda: [drawn])
    >>> print(x.numpy().round(3))
    [-0.5 -1. ]

    Reference:
        Liu et al., "Sophia: a scalable stochastic second-order optimizer for language model
        pre-training", ICLR 2024, https://arxiv.org/abs/2305.14342
    """

    second = "sampled_gradient"

    def __init__(
        self,
        learning_rate: LearningRate = 1e-4,
        beta_1: Decay = 0.965,
        beta_2: Decay = 0.99,
        gamma: Positive = 0.05,
        epsilon: Epsilon = 1e-12,
        refresh_period: Period = 10,
        seed: Seed = None,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(
            learning_rate, beta_1, beta_2, gamma, epsilon, refresh_period, seed, **kwargs
        )

    def observe(self, seen: Tensor, x: Tensor, s: Slots, t: Tensor) -> Slots:
        return {"hessian": ema(s["hessian"], seen * seen, self.beta_2)}
