"""MADGRAD: dual averaging with momentum and a cube root."""

from typing import Unpack

from keras import ops

from keras_optim.arguments.ranges import Decay, Epsilon, KerasOptions, LearningRate
from keras_optim.optimizer import Optimizer, Slots, Tensor


class MADGRAD(Optimizer):
    r"""Dual averaging: from where it began, along the weighted sum of all gradients.

    $$
    \begin{aligned}
    \lambda_t &= \eta_t \sqrt t, &
    s_t &= s_{t-1} + \lambda_t\, g_t, & v_t &= v_{t-1} + \lambda_t\, g_t^2 \\
    z_t &= x_0 - \frac{s_t}{\sqrt[3]{v_t} + \epsilon}, &
    x_t &= \mu\, x_{t-1} + (1-\mu)\, z_t
    \end{aligned}
    $$

    Adagrad made fit for deep learning: the weights grow with $\sqrt t$, so that late gradients
    count, and the cube root keeps the effective rate from growing with them. Trains vision nets as
    well as SGD and sparse problems as well as Adam. Its best rate is unlike theirs: sweep it anew,
    0.001 to 0.1; often it needs less weight decay, as little as none.

    Epsilon is outside the cube root, as in the authors' code, `optax.contrib.madgrad` and
    pytorch-optimizer; these add epsilon to the rate as well, the paper and we do not (their rate
    `lr` is our `lr + epsilon`). Kept is not $x_0$ but the offset $x_0 - x$, so that the origin
    follows weights that are loaded, set or decayed. As the sums hold past rates, a rate of 0 does
    not stop it at once. Keras has no MADGRAD.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.01.
        momentum: In [0, 1). Default 0.9.
        epsilon: >= 1e-30, added to the cube root. Default 1e-6.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: a first gradient 1000 times larger makes a step 10 times longer, a cube root.

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([0.0, 0.0])
    >>> optimizer = keras_optim.MADGRAD(learning_rate=1.0, momentum=0.0)
    >>> optimizer.apply([np.array([-1.0, -1000.0], "float32")], [x])
    >>> print(x.numpy().round(3))
    [ 1. 10.]

    Reference:
        Defazio, Jelassi, "Adaptivity without compromise: a momentumized, adaptive, dual averaged
        gradient method for stochastic optimization", JMLR 2022, https://arxiv.org/abs/2101.11075
    """

    slots = ("gradient_sum", "square_sum", "offset")
    memory = 3

    def __init__(
        self,
        learning_rate: LearningRate = 0.01,
        momentum: Decay = 0.9,
        epsilon: Epsilon = 1e-6,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, **kwargs)
        self.momentum = momentum
        self.epsilon = epsilon

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        weight = lr * ops.sqrt(ops.cast(t, x.dtype))
        total, square = s["gradient_sum"] + weight * g, s["square_sum"] + weight * g * g
        dual = s["offset"] - total / (square ** (1.0 / 3.0) + self.epsilon)  # z - x
        step = (1.0 - self.momentum) * dual
        offset = s["offset"] - self.moved(step, x, s)
        return step, {"gradient_sum": total, "square_sum": square, "offset": offset}
