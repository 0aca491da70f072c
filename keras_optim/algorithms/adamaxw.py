"""AdamaxW: Adamax with decoupled weight decay by default."""

from typing import Unpack

from keras_optim.algorithms.maximum import MaximumMoments
from keras_optim.arguments.ranges import (
    Decay,
    Epsilon,
    KerasOptions,
    LearningRate,
    WeightDecay,
)


class AdamaxW(MaximumMoments):
    r"""Adamax whose weights decay beside the gradient, not through it.

    $$
    x_t = (1 - \eta\lambda)\, x_{t-1} - \frac{\eta}{1-\beta_1^t}\, \frac{m_t}{u_t}
    $$

    with $m_t$, $u_t$ as in `keras_optim.Adamax`. What AdamW is to Adam: tune it in the same way,
    with about twice the rate.

    As here: `optax.adamaxw`, whose decay defaults to 1e-4. It is Adamax with `weight_decay`, and
    so is `keras.optimizers.Adamax(weight_decay=...)`, but for the place of epsilon.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.002.
        weight_decay: >= 0 or `None`, multiplied by the rate. Default 0.01.
        beta_1: In [0, 1), decay of the mean of the gradient. Default 0.9.
        beta_2: In [0, 1), decay of the maximum. Default 0.999.
        epsilon: >= 1e-30, added to the size of the gradient. Default 1e-8.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: equal gradients, equal steps; beside them, larger weights decay more.

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([1.0, 10.0])
    >>> optimizer = keras_optim.AdamaxW(learning_rate=0.5, weight_decay=0.1)
    >>> optimizer.apply([np.array([3.0, 3.0], "float32")], [x])
    >>> print(x.numpy().round(4))
    [0.45 9.  ]

    Reference:
        Kingma, Ba, "Adam: a method for stochastic optimization", section 7.1, ICLR 2015,
        https://arxiv.org/abs/1412.6980; Loshchilov, Hutter, "Decoupled weight decay
        regularization", ICLR 2019, https://arxiv.org/abs/1711.05101
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
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(
            learning_rate, beta_1, beta_2, epsilon, weight_decay=weight_decay, **kwargs
        )
