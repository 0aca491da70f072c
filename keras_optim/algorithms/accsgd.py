"""AccSGD: SGD accelerated against gradient noise."""

from typing import Annotated, Unpack

from keras_optim.arguments.ranges import KerasOptions, LearningRate, Range
from keras_optim.optimizer import Optimizer, Slots, Tensor

AtLeastOne = Annotated[float, Range(1)]


class AccSGD(Optimizer):
    r"""Acceleration that averages long steps, made for noisy gradients.

    $$
    \begin{aligned}
    \alpha &= 1 - c^2 \xi / \kappa, \qquad
    \bar x_t = \alpha\, \bar x_{t-1} + (1-\alpha) \left(x_{t-1} - \tfrac{\kappa \eta}{c}\, g_t
        \right), \qquad \bar x_0 = x_0 \\
    x_t &= \frac{c}{c + 1 - \alpha}\, (x_{t-1} - \eta\, g_t)
        + \frac{1-\alpha}{c + 1 - \alpha}\, \bar x_t
    \end{aligned}
    $$

    Heavy-ball and Nesterov momentum lose their advantage when gradients are noisy, as in small
    batches; this rule provably keeps it in least squares. The long step is `kappa / small_constant`
    rates long. `kappa` is a guess of the condition number, a larger one for a smaller batch (try
    100, 1000, 10000); `xi` (10, 31) how much better than SGD it is hoped to be, at most
    `sqrt(kappa)`; leave `small_constant` alone. Tune `learning_rate` as that of plain SGD.

    As the authors' code and pytorch-optimizer. Kept is not $\bar x$ but the offset $\bar x - x$, so
    that it follows weights that are loaded, set or decayed. As it holds past rates, a rate of 0
    does not stop it at once. Keras has no AccSGD.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.001.
        kappa: >= 1, ratio of long to short step. Default 1000.
        xi: >= 1, statistical advantage, at most `sqrt(kappa)`. Default 10.
        small_constant: In [1e-30, 1). Default 0.7.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: a gradient goes on acting, as with momentum.

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([0.0])
    >>> optimizer = keras_optim.AccSGD(learning_rate=0.1, kappa=100)
    >>> for g in [-1.0, 0.0, 0.0]:
    ...     optimizer.apply([np.array([g], "float32")], [x])
    ...     print(x.numpy().round(3))
    [0.139]
    [0.174]
    [0.205]

    Reference:
        Jain, Kakade, Kidambi, Netrapalli, Sidford, "Accelerating stochastic gradient descent for
        least squares regression", COLT 2018, https://arxiv.org/abs/1704.08227; as an algorithm
        for deep nets: Kidambi et al., "On the insufficiency of existing momentum schemes for
        stochastic optimization", ICLR 2018, https://arxiv.org/abs/1803.05591
    """

    slots = ("offset",)
    memory = 1
    rotation_equivariant = True

    def __init__(
        self,
        learning_rate: LearningRate = 1e-3,
        kappa: AtLeastOne = 1000.0,
        xi: AtLeastOne = 10.0,
        small_constant: Annotated[float, Range(1e-30, 1, open="right")] = 0.7,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, **kwargs)
        if xi > kappa**0.5:
            raise ValueError(
                f"AccSGD: `xi` must be at most sqrt(kappa). Received: xi={xi}, kappa={kappa}"
            )
        self.kappa = kappa
        self.xi = xi
        self.small_constant = small_constant

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        c, beta = self.small_constant, self.small_constant**2 * self.xi / self.kappa
        average = (1.0 - beta) * s["offset"] - beta * self.kappa / c * lr * g  # relative to x
        step = (beta * average - c * lr * g) / (c + beta)
        return step, {"offset": average - self.moved(step, x, s)}
