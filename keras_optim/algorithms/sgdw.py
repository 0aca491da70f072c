"""SGDW: momentum with decoupled weight decay by default."""

from typing import Unpack

from keras_optim.algorithms.descent import Descent
from keras_optim.arguments.ranges import Decay, KerasOptions, LearningRate, WeightDecay


class SGDW(Descent):
    r"""Momentum whose weights decay beside the gradient, not through it.

    $$
    m_t = \mu\, m_{t-1} + g_t, \qquad
    x_t = (1 - \eta\lambda)\, x_{t-1} - \eta \begin{cases}
    m_t & \text{momentum} \\ g_t + \mu\, m_t & \text{Nesterov} \end{cases}
    $$

    L2 regularisation in the loss enters the buffer, so that its strength depends on the momentum
    and its best value on the rate. Decoupled, both can be tuned one after the other. It is
    `keras_optim.SGD(momentum=0.9, weight_decay=0.005)` by name. The default decay is what
    `L2` of 5e-4, usual in vision, comes to with a momentum of 0.9: ten times as much. Biases and
    normalisation scales are often exempt
    (`exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])`).

    The paper's algorithm multiplies the decay by the schedule, but not by the first rate, and
    keeps the rate in the buffer. TensorFlow Addons's `SGDW` multiplies it by neither: its
    `weight_decay` is ours times the rate. As here: pytorch-optimizer's `SGDW`. Keras has no SGDW.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.01.
        momentum: In [0, 1). Default 0.9. With 0 there is no state.
        weight_decay: >= 0 or `None`, multiplied by the rate. Default 0.005.
        nesterov: Look ahead along the momentum; needs `momentum > 0`. Default `False`.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: without a gradient the weights decay, and at the same pace whatever the momentum.

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([1.0])
    >>> optimizer = keras_optim.SGDW(learning_rate=0.5, weight_decay=0.2)
    >>> for _ in range(2):
    ...     optimizer.apply([np.array([0.0], "float32")], [x])
    >>> print(x.numpy().round(4))
    [0.81]

    Reference:
        Loshchilov, Hutter, "Decoupled weight decay regularization", ICLR 2019,
        https://arxiv.org/abs/1711.05101
    """

    memory = 1
    trial_variants = ({"momentum": 0.0}, {"nesterov": True})

    def __init__(  # type: ignore[misc]  # weight_decay, an option elsewhere, is an argument
        self,
        learning_rate: LearningRate = 0.01,
        momentum: Decay = 0.9,
        weight_decay: WeightDecay = 0.005,
        nesterov: bool = False,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, momentum, nesterov, weight_decay=weight_decay, **kwargs)
