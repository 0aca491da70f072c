"""Schedule-Free SGD: gradient descent whose mean is tested, without a schedule of the rate."""

from typing import Unpack

from keras_optim.algorithms.schedule_free import ScheduleFreeRule, warmth
from keras_optim.arguments.ranges import Decay, KerasOptions, LearningRate, NonNegative, Steps
from keras_optim.optimizer import Slots, Tensor


class ScheduleFreeSGD(ScheduleFreeRule):
    r"""SGD that needs no decay of its rate, because its mean is tested.

    $$
    \begin{aligned}
    y_t &= \beta\, x_t + (1-\beta)\, z_t, & \eta_t &= \eta\, \min(1, t / t_{\text{warm}}) \\
    z_{t+1} &= z_t - \eta_t\, (g_t + \lambda\, y_t), & g_t &= \nabla f(y_t) \\
    x_{t+1} &= (1-c_t)\, x_t + c_t\, z_{t+1}, &
    c_t &= \frac{w_t}{\sum_{i \le t} w_i}, \qquad w_t = t^r \left(\max_{i \le t} \eta_i\right)^p
    \end{aligned}
    $$

    The model is trained at $y$ and tested at $x$, the mean of $z$. The mean takes the place of the
    decay of a schedule, so the length of the training need not be known: it may be stopped, or go
    on, at any time. `momentum`, $\beta$, takes the place of momentum, without a buffer of its own.

    Give no schedule that decays, but a warm-up of about 5 % of the training, and search the rate
    anew: the best one is often ten times that of SGD with momentum. `fit`, `evaluate`, `predict`
    and `save` use $x$, training continues from $y$, see `keras_optim.callbacks.EvaluateAveraged`;
    in a loop of your own, write `with keras_optim.evaluation_weights(optimizer):`. Batch
    normalisation needs the statistics of $x$: `EvaluateAveraged(data=x_train)`.

    As the authors' `SGDScheduleFree`, with weight decay at $y$. Kept is $z - x$, so both follow
    weights that are loaded or set.

    Args:
        learning_rate: >= 0, or a schedule (a warm-up). Default 1.0.
        momentum: In [0, 1), $\beta$. Default 0.9.
        warmup_steps: >= 0, $t_{\text{warm}}$, for a linear warm-up. Default 0.
        r: >= 0, the power of the step's number in its weight. Default 0.
        weight_lr_power: >= 0, $p$, the power of the largest rate in it. Default 2.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: on a slope of 1, `z` makes whole steps. The mean of -1 and -2 is tested; trained are
    the weights a tenth of the way from the mean to `z`.

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([0.0])
    >>> optimizer = keras_optim.ScheduleFreeSGD(learning_rate=1.0)
    >>> for _ in range(2):
    ...     optimizer.apply([np.array([1.0], "float32")], [x])
    >>> print(x.numpy().round(4))
    [-1.55]
    >>> with keras_optim.evaluation_weights(optimizer):
    ...     print(x.numpy().round(4))
    [-1.5]

    Reference:
        Defazio, Yang, Khaled, Mishchenko, Mehta, Cutkosky, "The road less scheduled", NeurIPS 2024,
        https://arxiv.org/abs/2405.15682
    """

    slots = ("drift",)
    memory = 1
    rotation_equivariant = True

    def __init__(
        self,
        learning_rate: LearningRate = 1.0,
        momentum: Decay = 0.9,
        warmup_steps: Steps = 0,
        *,
        r: NonNegative = 0.0,
        weight_lr_power: NonNegative = 2.0,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, **kwargs)
        self.momentum = momentum
        self.warmup_steps = warmup_steps
        self.r = r
        self.weight_lr_power = weight_lr_power

    def interpolation(self) -> float:
        return self.momentum

    def factor(self, t: Tensor, like: Tensor) -> Tensor | float:
        return warmth(self.warmup_steps, t, like)

    def direction(self, g: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        return lr * g, {}
