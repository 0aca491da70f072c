"""AdamW: Adam with decoupled weight decay by default."""

from typing import Unpack

from keras_optim.algorithms.moments import Moments
from keras_optim.arguments.ranges import (
    Decay,
    Epsilon,
    KerasOptions,
    LearningRate,
    WeightDecay,
)
from keras_optim.numerics import unbias, unbiased_root
from keras_optim.optimizer import Slots, Tensor


class AdamW(Moments):
    r"""Adam whose weights decay beside the gradient, not through it.

    $$
    x_t = (1 - \eta\lambda)\, x_{t-1} - \eta\, \frac{\hat m_t}{\sqrt{\hat v_t} + \epsilon}
    $$

    with $\hat m_t$, $\hat v_t$ as in Adam. L2 regularisation in the loss would be divided by
    $\sqrt{\hat v_t}$ and so hardly shrink weights with large gradients; decay that is decoupled
    shrinks all alike. The standard for transformers: `weight_decay` 0.01 to 0.1, biases and
    normalisation scales exempt (`exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])`).

    Differs from `keras.optimizers.AdamW` as Adam does (place of epsilon), and in the default
    decay (0.004 there). As here: `torch.optim.AdamW`; `optax.adamw` defaults to 1e-4.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.001.
        weight_decay: >= 0 or `None`, multiplied by the rate. Default 0.01.
        beta_1: In [0, 1), decay of the mean of the gradient. Default 0.9.
        beta_2: In [0, 1), decay of the mean of its square. Default 0.999.
        epsilon: >= 1e-30, added to the root. Default 1e-8.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example:

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([1.0, 10.0])
    >>> optimizer = keras_optim.AdamW(learning_rate=0.5, weight_decay=0.1)
    >>> optimizer.apply([np.array([1.0, 1.0], "float32")], [x])
    >>> print(x.numpy().round(4))
    [0.45 9.  ]

    Reference:
        Loshchilov, Hutter, "Decoupled weight decay regularization", ICLR 2019,
        https://arxiv.org/abs/1711.05101
    """

    memory = 2
    scale_invariant = True

    def __init__(  # type: ignore[misc]  # weight_decay, an option elsewhere, is an argument
        self,
        learning_rate: LearningRate = 1e-3,
        weight_decay: WeightDecay = 0.01,
        beta_1: Decay = 0.9,
        beta_2: Decay = 0.999,
        epsilon: Epsilon = 1e-8,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(
            learning_rate, beta_1, beta_2, epsilon, weight_decay=weight_decay, **kwargs
        )

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        m, v = self.averages(g, s)
        share, denominator = unbiased_root(v, self.beta_2, t, self.epsilon)
        change = -unbias(lr * share, self.beta_1, t) * m / denominator
        return change, {"momentum": m, "velocity": v}
