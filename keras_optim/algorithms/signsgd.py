"""SignSGD: only the sign of the gradient counts."""

from typing import Unpack

from keras_optim.arguments.ranges import KerasOptions, LearningRate
from keras_optim.numerics import sign
from keras_optim.optimizer import Optimizer, Slots, Tensor


class SignSGD(Optimizer):
    r"""Every weight moves by exactly the rate, against the sign of its gradient.

    $$
    x_t = x_{t-1} - \eta \operatorname{sign}(g_t)
    $$

    No state, and one bit per weight to send where gradients are exchanged. Adam without its
    averages (`beta_1 = beta_2 = 0`). It never settles closer than the rate, so let that decay, and
    it follows the majority of the batches: small ones with skewed noise can lead it astray. With
    momentum it is `keras_optim.Signum`.

    As `optax.sign_sgd` and `pytorch_optimizer.SignSGD(momentum=0)`. Keras has no SignSGD.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.001.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example:

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([1.0, 1.0, 1.0])
    >>> optimizer = keras_optim.SignSGD(learning_rate=0.5)
    >>> optimizer.apply([np.array([100.0, -0.01, 0.0], "float32")], [x])
    >>> print(x.numpy())
    [0.5 1.5 1. ]

    Reference:
        Bernstein, Wang, Azizzadenesheli, Anandkumar, "signSGD: compressed optimisation for
        non-convex problems", ICML 2018, https://arxiv.org/abs/1802.04434
    """

    scale_invariant = True
    sign_based = True

    def __init__(self, learning_rate: LearningRate = 1e-3, **kwargs: Unpack[KerasOptions]):
        super().__init__(learning_rate, **kwargs)

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        return -lr * sign(g), {}
