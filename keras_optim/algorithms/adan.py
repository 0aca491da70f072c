"""Adan: Adam with Nesterov's look ahead, by differences of gradients."""

from typing import Unpack

from keras import ops

from keras_optim.arguments.ranges import Decay, Epsilon, KerasOptions, LearningRate
from keras_optim.numerics import ema, unbias, unbiased_root
from keras_optim.optimizer import Optimizer, Slots, Tensor


class Adan(Optimizer):
    r"""Adam that knows from the change of the gradient where it is going.

    $$
    \begin{aligned}
    d_t &= g_t - g_{t-1}, \quad d_1 = 0, & m_t &= \beta_1 m_{t-1} + (1-\beta_1)\, g_t \\
    u_t &= \beta_2 u_{t-1} + (1-\beta_2)\, d_t, &
    n_t &= \beta_3 n_{t-1} + (1-\beta_3) (g_t + \beta_2 d_t)^2 \\
    x_t &= \frac{1}{1 + \eta\lambda} \left( x_{t-1} - \eta\,
        \frac{\hat m_t + \beta_2 \hat u_t}{\sqrt{\hat n_t} + \epsilon} \right), &
    \hat m_t &= m_t / (1-\beta_1^t), \; \dots
    \end{aligned}
    $$

    Nesterov momentum needs the gradient at a point ahead; here the change since the last batch
    stands in for it, so a step takes one gradient. The paper trains vision and language models,
    with rates 5 to 10 times Adam's (a `learning_rate` up to 0.015 for batches of thousands), a
    long warmup, and `weight_decay` ($\lambda$) 0.02. It takes 4 numbers for each weight.

    The betas are decay rates, as in the authors' code: the paper writes 1 less each. Weight decay
    is their proximal step, a division after the rule instead of a subtraction before it; for small
    rates there is no difference. As here: the authors' code, pytorch-optimizer, torch-optimi. That
    of optax has `1 - beta_2` where `beta_2` belongs, and takes other paths. Keras has no Adan.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.001.
        beta_1: In [0, 1), decay of the mean of the gradient. Default 0.98.
        beta_2: In [0, 1), decay of the mean of its change, and weight of it. Default 0.92.
        beta_3: In [0, 1), decay of the mean of the square. Default 0.99.
        epsilon: >= 1e-30, added to the root. Default 1e-8.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: a gradient that falls from 2 to 1. Adan expects it to fall further.

    >>> import numpy as np, keras, keras_optim
    >>> adam = keras_optim.Adam(0.1, beta_1=0.0, beta_2=0.99)
    >>> adan = keras_optim.Adan(0.1, beta_1=0.0, beta_2=0.5, beta_3=0.99)
    >>> for optimizer in (adam, adan):
    ...     x = keras.Variable([0.0])
    ...     for g in (-2.0, -1.0):
    ...         optimizer.apply([np.array([g], "float32")], [x])
    ...     print(x.numpy().round(3))
    [0.163]
    [0.146]

    Reference:
        Xie, Zhou, Li, Lin, Yan, "Adan: adaptive Nesterov momentum algorithm for faster optimizing
        deep models", TPAMI 2024, https://arxiv.org/abs/2208.06677
    """

    slots = ("momentum", "change_momentum", "velocity", "previous_gradient")
    memory = 4
    scale_invariant = True
    couples_decay = 0

    def __init__(
        self,
        learning_rate: LearningRate = 1e-3,
        beta_1: Decay = 0.98,
        beta_2: Decay = 0.92,
        beta_3: Decay = 0.99,
        epsilon: Epsilon = 1e-8,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.beta_3 = beta_3
        self.epsilon = epsilon

    def step(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        """The rule, then the proximal step of weight decay."""
        change, new = self.update(g, x, s, t, lr)
        if decay := s["weight_decay"]:
            change = (change - lr * decay * x) / (1.0 + lr * decay)
        return change, new

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        d = ops.where(t > 1, g - s["previous_gradient"], ops.zeros_like(g))
        m, u = ema(s["momentum"], g, self.beta_1), ema(s["change_momentum"], d, self.beta_2)
        ahead = g + self.beta_2 * d
        n = ema(s["velocity"], ahead * ahead, self.beta_3)
        share, denominator = unbiased_root(n, self.beta_3, t, self.epsilon)
        of_m, of_u = unbias(lr * share, self.beta_1, t), unbias(lr * share, self.beta_2, t)
        change = -(of_m * m + (self.beta_2 * of_u) * u) / denominator
        return change, {
            "momentum": m,
            "change_momentum": u,
            "velocity": n,
            "previous_gradient": g,
        }
