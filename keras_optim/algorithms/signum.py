"""Signum: the sign of the momentum."""

from typing import Unpack

from keras_optim.arguments.ranges import Decay, KerasOptions, LearningRate
from keras_optim.numerics import ema, sign
from keras_optim.optimizer import Optimizer, Slots, Tensor


class Signum(Optimizer):
    r"""Every weight moves by exactly the rate, against the sign of its momentum.

    $$
    m_t = \mu\, m_{t-1} + (1-\mu)\, g_t, \qquad x_t = x_{t-1} - \eta \operatorname{sign}(m_t)
    $$

    SignSGD with a memory: the sign is that of many batches, so noise misleads it less. Half of
    Adam's state, and close to it where gradients are noisy. Start from a third to a tenth of a
    good rate of Adam, and let it decay. `keras_optim.Lion` gives the last gradient more weight.

    Algorithm 2 of the paper, as `optax.signum` and `pytorch_optimizer.SignSGD`. Keras has no
    Signum.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.001.
        momentum: In [0, 1), decay of the mean of the gradient. Default 0.9.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: one gradient the other way does not turn it round.

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([0.0])
    >>> optimizer = keras_optim.Signum(learning_rate=0.5)
    >>> for g in (-1.0, -1.0, 1.0):
    ...     optimizer.apply([np.array([g], "float32")], [x])
    >>> print(x.numpy())
    [1.5]

    Reference:
        Bernstein, Wang, Azizzadenesheli, Anandkumar, "signSGD: compressed optimisation for
        non-convex problems", ICML 2018, https://arxiv.org/abs/1802.04434
    """

    slots = ("momentum",)
    memory = 1
    scale_invariant = True
    sign_based = True

    def __init__(
        self,
        learning_rate: LearningRate = 1e-3,
        momentum: Decay = 0.9,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, **kwargs)
        self.momentum = momentum

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        m = ema(s["momentum"], g, self.momentum)
        return -lr * sign(m), {"momentum": m}
