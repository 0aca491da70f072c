"""SimplifiedAdEMAMix: one long momentum, and the gradient itself beside it."""

from typing import Unpack

from keras_optim.algorithms.moments import Moments
from keras_optim.arguments.ranges import (
    Decay,
    Epsilon,
    KerasOptions,
    LearningRate,
    NonNegative,
    Period,
)
from keras_optim.numerics import decay_in_warmup, ema, unbiased_root
from keras_optim.optimizer import Slots, Tensor


class SimplifiedAdEMAMix(Moments):
    r"""AdEMAMix with one momentum: a long sum of gradients, and a multiple of the last one.

    $$
    \begin{aligned}
    m_t &= \beta_1 m_{t-1} + g_t, \qquad
    v_t = \beta_2 v_{t-1} + (1-\beta_2)\, g_t^2 \\
    x_t &= x_{t-1} - \eta\, \frac{m_t + \alpha\, g_t}{\sqrt{v_t / (1-\beta_2^t)} + \epsilon}
    \end{aligned}
    $$

    Schedule-Free, AdEMAMix and accelerated SGD all add a share of the fresh gradient to a long
    momentum; this is the smallest rule that does. The momentum is a sum, not a mean: steps are up
    to `1 / (1 - beta_1)` rates long, 100 by default: **divide Adam's rate by 100.** `alpha` is 0
    for large batches and up to 100 for small ones, where the fresh gradient should act at once.
    `beta_1_warmup` lets the half-life of the momentum grow linearly, from that of `start_beta_1`.
    It saves a slot of AdEMAMix, and the papers' results are close.

    As here: the authors' code by default, `optax.contrib.simplified_ademamix`. That of
    pytorch-optimizer has a mean for the momentum, so $\alpha$ means something else. Weight decay is
    multiplied by the rate, which is small here. Keras has none.

    Args:
        learning_rate: >= 0, or a schedule. Default 1e-4.
        beta_1: In [0, 1), decay of the sum of gradients. Default 0.99.
        beta_2: In [0, 1), decay of the mean of the square. Default 0.95.
        alpha: >= 0, weight of the last gradient. Default 0.
        epsilon: >= 1e-30, added to the root. Default 1e-8.
        start_beta_1: In [0, 1), where the warm-up of `beta_1` begins. Default 0.9.
        beta_1_warmup: >= 1, steps until `beta_1` is reached, or `None`. Default `None`.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: steps grow to 100 rates, as the sum does.

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([0.0])
    >>> optimizer = keras_optim.SimplifiedAdEMAMix(learning_rate=0.01)
    >>> for t in range(1000):
    ...     before = float(x.numpy()[0])
    ...     optimizer.apply([np.array([-3.0], "float32")], [x])
    ...     if t in (0, 9, 999):
    ...         print(round(float(x.numpy()[0]) - before, 2))
    0.01
    0.1
    1.0

    Reference:
        Morwani, Vyas, Zhang, Kakade, "Connections between Schedule-Free optimizers, AdEMAMix, and
        accelerated SGD variants", 2025, https://arxiv.org/abs/2502.02431
    """

    memory = 2
    scale_invariant = True

    def __init__(
        self,
        learning_rate: LearningRate = 1e-4,
        beta_1: Decay = 0.99,
        beta_2: Decay = 0.95,
        alpha: NonNegative = 0.0,
        epsilon: Epsilon = 1e-8,
        *,
        start_beta_1: Decay = 0.9,
        beta_1_warmup: Period | None = None,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **kwargs)
        self.alpha = alpha
        self.start_beta_1 = start_beta_1
        self.beta_1_warmup = beta_1_warmup

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        kept, _ = decay_in_warmup(self.start_beta_1, self.beta_1, self.beta_1_warmup, t, like=x)
        m, v = kept * s["momentum"] + g, ema(s["velocity"], g * g, self.beta_2)
        share, denominator = unbiased_root(v, self.beta_2, t, self.epsilon)
        change = -(lr * share) * (m + self.alpha * g) / denominator
        return change, {"momentum": m, "velocity": v}
