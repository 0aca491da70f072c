"""SGD: gradient descent, with heavy-ball or Nesterov momentum."""

from typing import Unpack

from keras_optim.algorithms.descent import Descent
from keras_optim.arguments.ranges import Decay, KerasOptions, LearningRate


class SGD(Descent):
    r"""Gradient descent, plain or with (Nesterov) momentum.

    $$
    m_t = \mu\, m_{t-1} + g_t, \qquad
    x_t = x_{t-1} - \eta \begin{cases} g_t & \mu = 0 \\
    m_t & \text{momentum} \\ g_t + \mu\, m_t & \text{Nesterov} \end{cases}
    $$

    The plainest rule and the reference for all others. With momentum and a decaying rate it is
    still hard to beat on vision models; tune the rate first (a factor of 3 at a time), then try
    `momentum=0.9, nesterov=True`. With momentum the steady step is `1 / (1 - momentum)` times
    longer, so divide the rate by ten when going from 0 to 0.9.

    Differs from `keras.optimizers.SGD`: there the rate is folded into the buffer
    (`v = momentum * v - rate * g`). Both are equal while the rate is constant; when it drops, ours
    (like `torch.optim.SGD` and `optax.sgd`) shortens the whole step at once, Keras's only what is
    added from then on.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.01.
        momentum: In [0, 1). Default 0: no momentum and no state.
        nesterov: Look ahead along the momentum; needs `momentum > 0`. Default `False`.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example:

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([1.0])
    >>> optimizer = keras_optim.SGD(learning_rate=0.5, momentum=0.5)
    >>> for _ in range(2):
    ...     optimizer.apply([np.array([1.0], "float32")], [x])
    >>> print(x.numpy())
    [-0.25]

    Reference:
        Nesterov, "A method for solving the convex programming problem with convergence rate
        O(1/k^2)", 1983; Sutskever et al., "On the importance of initialization and momentum in
        deep learning", ICML 2013, https://proceedings.mlr.press/v28/sutskever13.html
    """

    trial_variants = ({"momentum": 0.9}, {"momentum": 0.9, "nesterov": True})

    def __init__(
        self,
        learning_rate: LearningRate = 0.01,
        momentum: Decay = 0.0,
        nesterov: bool = False,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, momentum, nesterov, **kwargs)
