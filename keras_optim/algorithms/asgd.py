"""ASGD: gradient descent whose evaluation weights are the mean of its path."""

from typing import Unpack

from keras import ops

from keras_optim.arguments.ranges import KerasOptions, LearningRate, NonNegative, Period
from keras_optim.optimizer import Optimizer, Slots, Tensor


class ASGD(Optimizer):
    r"""Gradient descent with rates that fall slowly; test with the mean of the weights.

    $$
    \begin{aligned}
    \eta_t &= \eta\, (1 + \lambda\, \eta\, (t - 1))^{-\alpha}, \qquad
    x_t = x_{t-1} - \eta_t\, (g_t + \lambda\, x_{t-1}) \\
    a_t &= \frac{1}{t - t_0 + 1} \sum_{i=t_0}^{t} x_i \quad \text{for } t \geq t_0, \qquad
    a_t = x_t \quad \text{before}
    \end{aligned}
    $$

    with $t_0$ = `start_step` and $\alpha$ = `power`. Rates that fall more slowly than $1/t$ keep
    the weights moving, and their mean $a_t$ removes the noise: on convex problems it is as good as
    the best second-order method in the long run (Polyak, Juditsky). $\lambda$ is the strength of
    an L2 penalty, $\frac{\lambda}{2} \lVert x \rVert^2$, and sets the pace at which rates fall.
    Start averaging once the loss no longer falls fast. For other rules than plain descent take
    `keras_optim.SWA`.

    The model trains with $x$, and gets $a$ at the end of `fit`;
    `keras_optim.callbacks.EvaluateAveraged` puts it there for validation and checkpoints, too. When
    weights are loaded or set, the mean follows, at the distance that it had.

    As here: `torch.optim.ASGD(t0=...)` with `start_step = t0 + 2`, which leaves the mean in its
    state, `ax`. Its `t0` of a million means hardly ever. Keras has no ASGD.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.01.
        l2_regularization_strength: >= 0, $\lambda$. Default 0.0001.
        power: >= 0, $\alpha$; 0: rates do not fall. Default 0.75.
        start_step: >= 1, the first step after which weights count. Default 1.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`. `use_ema` must be off.

    Example: the mean of 2, 1 and 0.

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([3.0])
    >>> optimizer = keras_optim.ASGD(1.0, l2_regularization_strength=0.0)
    >>> for _ in range(3):
    ...     optimizer.apply([np.array([1.0], "float32")], [x])
    >>> optimizer.finalize_variable_values([x])
    >>> print(x.numpy().round(4))
    [1.]

    Reference:
        Polyak, Juditsky, "Acceleration of stochastic approximation by averaging", SIAM Journal on
        Control and Optimization 30(4), 1992; rates as in Xu, "Towards optimal one pass large scale
        learning with averaged stochastic gradient descent", 2011, https://arxiv.org/abs/1107.2490
    """

    slots = ("lag",)
    memory = 1
    rotation_equivariant = True
    shrinks = True
    trial_rate = 0.1
    trial_arguments = {"start_step": 2, "l2_regularization_strength": 0.1}  # so that rates fall

    def __init__(
        self,
        learning_rate: LearningRate = 0.01,
        l2_regularization_strength: NonNegative = 1e-4,
        power: NonNegative = 0.75,
        start_step: Period = 1,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, **kwargs)
        if self.use_ema:
            raise ValueError(
                "ASGD: `use_ema` would average a second time; leave it off. Received: use_ema=True"
            )
        self.l2_regularization_strength = l2_regularization_strength
        self.power = power
        self.start_step = start_step
        self.shrinks = bool(l2_regularization_strength)

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        before = ops.cast(t - 1, x.dtype)
        l2 = self.l2_regularization_strength
        rate = lr * (1.0 + l2 * lr * before) ** -self.power
        change = -rate * (g + l2 * x) if l2 else -rate * g
        lag = s["lag"] - self.moved(change, x, s)
        averaging = t >= self.start_step
        n = ops.cast(ops.where(averaging, t - self.start_step + 1, ops.ones_like(t)), x.dtype)
        lag = ops.where(averaging, (1.0 - 1.0 / n) * lag, ops.zeros_like(lag))
        return change, {"lag": lag}

    def evaluate(self, x: Tensor, s: Slots) -> Tensor:
        return x + s["lag"]

    def settle(self, x: Tensor, s: Slots) -> Slots:
        return {"lag": ops.zeros_like(x)}
