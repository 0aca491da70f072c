"""NadamW: Nadam with decoupled weight decay by default."""

from typing import Unpack

from keras_optim.algorithms.moments import NesterovMoments
from keras_optim.arguments.ranges import (
    Decay,
    Epsilon,
    KerasOptions,
    LearningRate,
    NonNegative,
    WeightDecay,
)


class NadamW(NesterovMoments):
    r"""Nadam whose weights decay beside the gradient, not through it.

    $$
    x_t = (1 - \eta\lambda)\, x_{t-1} - \frac{\eta}{\sqrt{\hat v_t} + \epsilon} \left(
        \frac{\mu_{t+1}\, m_t}{1 - \Pi_t\, \mu_{t+1}} + \frac{(1-\mu_t)\, g_t}{1-\Pi_t} \right)
    $$

    with $\mu_t$, $\Pi_t$, $m_t$, $\hat v_t$ as in `keras_optim.Nadam`. What AdamW is to Adam; with
    tuned decay and warmup one of the strongest baselines of the AlgoPerf benchmark. Tune as
    AdamW: `weight_decay` 0.01 to 0.1, biases and normalisation scales exempt
    (`exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])`).

    As `torch.optim.NAdam(decoupled_weight_decay=True)`, whose decay defaults to 0.
    `optax.nadamw` has no schedule for $\mu$ and decays by 1e-4. Keras has no NadamW; its
    `Nadam(weight_decay=...)` differs as its Nadam does.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.002.
        weight_decay: >= 0 or `None`, multiplied by the rate. Default 0.01.
        beta_1: In [0, 1), decay of the mean of the gradient. Default 0.9.
        beta_2: In [0, 1), decay of the mean of its square. Default 0.999.
        epsilon: >= 1e-30, added to the root. Default 1e-8.
        momentum_decay: >= 0, how fast the momentum warms up. Default 0.004.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: equal gradients, equal steps; beside them, larger weights decay more.

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([1.0, 10.0])
    >>> optimizer = keras_optim.NadamW(learning_rate=0.1, weight_decay=0.5)
    >>> optimizer.apply([np.array([3.0, 3.0], "float32")], [x])
    >>> print(x.numpy().round(3))
    [0.844 9.394]

    Reference:
        Dozat, "Incorporating Nesterov momentum into Adam", ICLR workshop 2016,
        https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ; Loshchilov, Hutter, "Decoupled weight
        decay regularization", ICLR 2019, https://arxiv.org/abs/1711.05101
    """

    memory = 2
    scale_invariant = True

    def __init__(  # type: ignore[misc]  # weight_decay, an option elsewhere, is an argument
        self,
        learning_rate: LearningRate = 2e-3,
        weight_decay: WeightDecay = 0.01,
        beta_1: Decay = 0.9,
        beta_2: Decay = 0.999,
        epsilon: Epsilon = 1e-8,
        *,
        momentum_decay: NonNegative = 0.004,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(
            learning_rate,
            beta_1,
            beta_2,
            epsilon,
            momentum_decay=momentum_decay,
            weight_decay=weight_decay,
            **kwargs,
        )
