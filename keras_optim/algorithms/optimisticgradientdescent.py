"""OptimisticGradientDescent: descent that expects the next change of the gradient, for games."""

from typing import Unpack

from keras import ops

from keras_optim.arguments.ranges import KerasOptions, LearningRate, NonNegative
from keras_optim.optimizer import Optimizer, Slots, Tensor


class OptimisticGradientDescent(Optimizer):
    r"""Gradient descent that adds the last change of the gradient, as if it came again.

    $$
    x_t = x_{t-1} - \eta\, \big(g_t + \beta\, (g_t - g_{t-1})\big), \qquad g_0 = g_1
    $$

    with $\beta$ = `optimism`. For games and saddle points, as in adversarial networks: where two
    players follow their gradients, plain descent and momentum circle around the solution or spiral
    away from it; this rule spirals in. It stands for the gradient at the next weights
    (extragradient) without computing it. On a common loss, it is descent with some damping; take
    another rule there. The rate must be below about $1 / (2 L)$ for gradients that change by at
    most $L$ times the way. Give both players this rule.

    As here: `optax.optimistic_gradient_descent(lr, alpha, beta)`, where our rate is `lr * alpha`
    and our `optimism` is `beta / alpha`. Its authors let $g_0$ be zero, which makes the first step
    `1 + optimism` times as long. Keras has no OptimisticGradientDescent.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.01.
        optimism: >= 0, $\beta$. Default 1.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: the game x * y, which x plays down and y up. Plain descent ends at 10.05.

    >>> import numpy as np, keras, keras_optim
    >>> x, y = keras.Variable(1.0), keras.Variable(1.0)
    >>> optimizer = keras_optim.OptimisticGradientDescent(0.2)
    >>> for _ in range(100):
    ...     optimizer.apply([np.array(y), -np.array(x)], [x, y])
    >>> print(np.hypot(x, y).round(3))
    0.175

    Reference:
        Daskalakis et al., "Training GANs with optimism", ICLR 2018,
        https://arxiv.org/abs/1711.00141; Mokhtari, Ozdaglar, Pattathil, "A unified analysis of
        extra-gradient and optimistic gradient methods for saddle point problems", AISTATS 2020,
        https://arxiv.org/abs/1901.08511
    """

    slots = ("gradient",)
    memory = 1
    rotation_equivariant = True

    def __init__(
        self,
        learning_rate: LearningRate = 0.01,
        optimism: NonNegative = 1.0,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, **kwargs)
        self.optimism = optimism

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        before = ops.where(t > 1, s["gradient"], g)
        return -lr * (g + self.optimism * (g - before)), {"gradient": g}
