"""Adadelta: steps as long as the recent steps were."""

from typing import Unpack

from keras_optim.arguments.ranges import Decay, Epsilon, KerasOptions, LearningRate
from keras_optim.numerics import ema, root
from keras_optim.optimizer import Optimizer, Slots, Tensor


class Adadelta(Optimizer):
    r"""The gradient, scaled to the running root mean square of the steps themselves.

    $$
    \begin{aligned}
    v_t &= \rho\, v_{t-1} + (1-\rho)\, g_t^2 &
    d_t &= \frac{\sqrt{w_{t-1} + \epsilon}}{\sqrt{v_t + \epsilon}}\, g_t \\
    w_t &= \rho\, w_{t-1} + (1-\rho)\, d_t^2 &
    x_t &= x_{t-1} - \eta\, d_t
    \end{aligned}
    $$

    The step has the units of the weights, so that in the paper there is no rate to choose
    (`learning_rate` is 1). It starts with steps of about $\sqrt{\epsilon / (1-\rho)}$ and lengthens
    them while gradients agree: raise `epsilon` where the start is too slow. Robust but slow;
    today Adam mostly takes its place.

    Differs from `keras.optimizers.Adadelta` only in defaults: there the rate is 0.001, which makes
    the method a thousand times slower than the paper's, and epsilon is 1e-7. As here:
    `torch.optim.Adadelta` (whose `rho` is 0.9), `optax.adadelta` (0.9 as well).

    Args:
        learning_rate: >= 0, or a schedule. Default 1.0.
        rho: In [0, 1), decay of both means. Default 0.95.
        epsilon: >= 1e-30, inside both roots. Default 1e-6.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: whatever the scale of the gradient, the same short steps that grow by themselves.

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([0.0, 0.0])
    >>> optimizer = keras_optim.Adadelta()
    >>> for step in range(1, 101):
    ...     optimizer.apply([np.array([-100.0, -1.0], "float32")], [x])
    ...     if step in (1, 10, 100):
    ...         print(x.numpy().round(3))
    [0.004 0.004]
    [0.046 0.046]
    [0.497 0.497]

    Reference:
        Zeiler, "ADADELTA: an adaptive learning rate method", 2012,
        https://arxiv.org/abs/1212.5701
    """

    slots = ("velocity", "squared_steps")
    memory = 2
    scale_invariant = True
    trial_rate = 1.0

    def __init__(
        self,
        learning_rate: LearningRate = 1.0,
        rho: Decay = 0.95,
        epsilon: Epsilon = 1e-6,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, **kwargs)
        self.rho = rho
        self.epsilon = epsilon

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        v = ema(s["velocity"], g * g, self.rho)
        w = s["squared_steps"]
        step = g * root(w, self.epsilon, inside=True) / root(v, self.epsilon, inside=True)
        return -lr * step, {"velocity": v, "squared_steps": ema(w, step * step, self.rho)}
