"""AdEMAMix: Adam with a second, very slow momentum."""

from typing import Unpack

from keras import ops

from keras_optim.algorithms.moments import Moments
from keras_optim.arguments.ranges import (
    Decay,
    Epsilon,
    KerasOptions,
    LearningRate,
    NonNegative,
    Period,
)
from keras_optim.numerics import decay_in_warmup, smaller, unbias, unbiased_root
from keras_optim.optimizer import Slots, Tensor


class AdEMAMix(Moments):
    r"""Adam with two momenta: one that reacts, and one that remembers thousands of steps.

    $$
    \begin{aligned}
    m_t &= \beta_1 m_{t-1} + (1-\beta_1)\, g_t, &
    n_t &= \beta_3 n_{t-1} + (1-\beta_3)\, g_t, \qquad
    v_t = \beta_2 v_{t-1} + (1-\beta_2)\, g_t^2 \\
    \hat m_t &= m_t / (1-\beta_1^t), \quad \hat v_t = v_t / (1-\beta_2^t), &
    x_t &= x_{t-1} - \eta\, \frac{\hat m_t + \alpha\, n_t}{\sqrt{\hat v_t} + \epsilon}
    \end{aligned}
    $$

    Old gradients stay useful for longer than one average can hold, which is either quick or long.
    Adam's settings carry over; the slow momentum needs thousands of steps to fill. With much fewer
    than `1 / (1 - beta_3)` steps lower `beta_3`, to 0.999 or so. Where the loss diverges early, set
    both warm-ups, in the paper to the length of the training: `alpha` grows linearly from 0, and
    `beta_3` from `beta_1`, so that its half-life grows linearly. The slow momentum is not
    bias-corrected, so it begins near zero. A change of the data is forgotten as slowly.

    The warm-ups count steps, and a resumed training continues them. As here:
    `optax.contrib.ademamix` (with schedules for `alpha` and `b3`), and pytorch-optimizer with
    `weight_decouple=True`, whose one `t_alpha_beta3` is both warm-ups. Keras has no AdEMAMix.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.001.
        beta_1: In [0, 1), decay of the fast mean of the gradient. Default 0.9.
        beta_2: In [0, 1), decay of the mean of its square. Default 0.999.
        beta_3: In [0, 1), decay of the slow mean of the gradient. Default 0.9999.
        alpha: >= 0, weight of the slow mean; 0 is Adam. Default 5.
        epsilon: >= 1e-30, added to the root. Default 1e-8.
        alpha_warmup: >= 1, steps until `alpha` is reached, or `None`. Default `None`.
        beta_3_warmup: >= 1, steps until `beta_3` is reached, or `None`. Default `None`.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: how far gradients of 100 steps ago still move a weight, in Adam and here.

    >>> import numpy as np, keras, keras_optim
    >>> for alpha in (0.0, 5.0):
    ...     x, path = keras.Variable([0.0]), []
    ...     optimizer = keras_optim.AdEMAMix(0.01, beta_3=0.999, alpha=alpha)
    ...     for t in range(300):
    ...         optimizer.apply([np.array([-float(t < 100)], "float32")], [x])
    ...         path.append(float(x.numpy()[0]))
    ...     print(round(path[299] - path[199], 2))
    0.0
    0.67

    Reference:
        Pagliardini, Ablin, Grangier, "The AdEMAMix optimizer: better, faster, older", ICLR 2025,
        https://arxiv.org/abs/2409.03137
    """

    slots = ("momentum", "velocity", "slow_momentum")
    memory = 3
    scale_invariant = True

    def __init__(
        self,
        learning_rate: LearningRate = 1e-3,
        beta_1: Decay = 0.9,
        beta_2: Decay = 0.999,
        beta_3: Decay = 0.9999,
        alpha: NonNegative = 5.0,
        epsilon: Epsilon = 1e-8,
        *,
        alpha_warmup: Period | None = None,
        beta_3_warmup: Period | None = None,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **kwargs)
        self.beta_3 = beta_3
        self.alpha = alpha
        self.alpha_warmup = alpha_warmup
        self.beta_3_warmup = beta_3_warmup

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        m, v = self.averages(g, s)
        kept, new = decay_in_warmup(self.beta_1, self.beta_3, self.beta_3_warmup, t, like=x)
        slow = kept * s["slow_momentum"] + new * g
        share, denominator = unbiased_root(v, self.beta_2, t, self.epsilon)
        of_fast, of_slow = unbias(lr * share, self.beta_1, t), lr * share * self.alpha_at(t, x)
        change = -(of_fast * m + of_slow * slow) / denominator
        return change, {"momentum": m, "velocity": v, "slow_momentum": slow}

    def alpha_at(self, t: Tensor, like: Tensor) -> Tensor | float:
        """The weight of the slow momentum at step `t`."""
        if self.alpha_warmup is None:
            return self.alpha
        return self.alpha * smaller(ops.cast(t, like.dtype) / self.alpha_warmup, 1.0)
