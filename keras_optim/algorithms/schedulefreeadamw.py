"""Schedule-Free AdamW: Adam's scale without its momentum, the mean tested, no schedule."""

from typing import Unpack

from keras_optim.algorithms.schedule_free import ScheduleFreeRule, warmth
from keras_optim.arguments.ranges import (
    Decay,
    Epsilon,
    KerasOptions,
    LearningRate,
    NonNegative,
    Steps,
)
from keras_optim.numerics import ema, unbiased_root
from keras_optim.optimizer import Slots, Tensor


class ScheduleFreeAdamW(ScheduleFreeRule):
    r"""Adam that needs no decay of its rate, because its mean is tested.

    $$
    \begin{aligned}
    y_t &= \beta_1\, x_t + (1-\beta_1)\, z_t, & v_t &= \beta_2 v_{t-1} + (1-\beta_2)\, g_t^2,
    \qquad g_t = \nabla f(y_t) \\
    z_{t+1} &= z_t - \eta_t \left( \frac{g_t}{\sqrt{v_t / (1-\beta_2^t)} + \epsilon}
    + \lambda\, y_t \right), & x_{t+1} &= (1-c_t)\, x_t + c_t\, z_{t+1}
    \end{aligned}
    $$

    with $\eta_t$ and $c_t$ as in `keras_optim.ScheduleFreeSGD`. The model is trained at $y$ and
    tested at $x$, a mean that takes the place of the decay of a schedule. So the length of the
    training need not be known. The first entry of AlgoPerf's self-tuning track in 2024.

    Give no schedule that decays, but a warm-up of about 5 % of the training. Rates are 1 to 10
    times those of AdamW with a schedule. `fit`, `evaluate`, `predict` and `save` use $x$ and
    training continues from $y$, see `keras_optim.callbacks.EvaluateAveraged`; in a loop of your
    own, write `with keras_optim.evaluation_weights(optimizer):`. Batch normalisation needs the
    statistics of $x$: `EvaluateAveraged(data=x_train)`. For long trainings try `beta_1=0.95`.

    As the authors' `AdamWScheduleFree`. Differs from `keras.optimizers.ScheduleFreeAdamW`, which
    tests and saves $y$, weighs all steps of a warm-up alike, and decays the weights but not $z$.
    `optax.contrib.schedule_free_adamw` begins its warm-up at 0, and the authors' code and we at
    $1 / t_{\text{warm}}$.

    Args:
        learning_rate: >= 0, or a schedule (a warm-up). Default 0.0025.
        beta_1: In [0, 1), the share of the mean in the trained weights. Default 0.9.
        beta_2: In [0, 1), decay of the mean of the squared gradient. Default 0.999.
        epsilon: >= 1e-30, added to the root. Default 1e-8.
        warmup_steps: >= 0, for a linear warm-up. Default 0.
        r: >= 0, the power of the step's number in its weight. Default 0.
        weight_lr_power: >= 0, the power of the largest rate in it. Default 2.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: each step moves `z` by the rate. The mean of -1 and -2 is tested.

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([0.0])
    >>> optimizer = keras_optim.ScheduleFreeAdamW(learning_rate=1.0)
    >>> for _ in range(2):
    ...     optimizer.apply([np.array([100.0], "float32")], [x])
    >>> print(x.numpy().round(4))
    [-1.55]
    >>> with keras_optim.evaluation_weights(optimizer):
    ...     print(x.numpy().round(4))
    [-1.5]

    Reference:
        Defazio, Yang, Khaled, Mishchenko, Mehta, Cutkosky, "The road less scheduled", NeurIPS 2024,
        https://arxiv.org/abs/2405.15682
    """

    slots = ("drift", "velocity")
    memory = 2
    scale_invariant = True

    def __init__(
        self,
        learning_rate: LearningRate = 0.0025,
        beta_1: Decay = 0.9,
        beta_2: Decay = 0.999,
        epsilon: Epsilon = 1e-8,
        warmup_steps: Steps = 0,
        *,
        r: NonNegative = 0.0,
        weight_lr_power: NonNegative = 2.0,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.warmup_steps = warmup_steps
        self.r = r
        self.weight_lr_power = weight_lr_power

    def interpolation(self) -> float:
        return self.beta_1

    def factor(self, t: Tensor, like: Tensor) -> Tensor | float:
        return warmth(self.warmup_steps, t, like)

    def direction(self, g: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        v = ema(s["velocity"], g * g, self.beta_2)
        share, denominator = unbiased_root(v, self.beta_2, t, self.epsilon)
        return lr * share * g / denominator, {"velocity": v}
