"""Schedule-Free RAdam: a warm-up of its own, and the mean tested."""

from typing import Any, Unpack

from keras import ops

from keras_optim.algorithms.radam import sma_length
from keras_optim.algorithms.schedule_free import ScheduleFreeRule
from keras_optim.arguments.ranges import Decay, Epsilon, KerasOptions, LearningRate, NonNegative
from keras_optim.numerics import ema, unbiased_root
from keras_optim.optimizer import Slots, Tensor


class ScheduleFreeRAdam(ScheduleFreeRule):
    r"""Schedule-Free AdamW with the warm-up of RAdam, so that none has to be chosen.

    $$
    \eta_t = \eta\, \begin{cases} r_t & \rho_t > 4 \\ 0 & \text{otherwise, in the silent phase}
    \end{cases}, \qquad \text{and the rest as in } \texttt{ScheduleFreeAdamW}
    $$

    with $\rho_t$ and $r_t$ of `keras_optim.RAdam`. While the variance cannot be trusted, in the
    first four steps of `beta_2=0.999`, the weights do not move. With `silent_sgd_phase=False` they
    move by plain gradients there, which is seldom wanted: their length is that of the gradients.

    How to use it, and what is tested and saved, is as with `keras_optim.ScheduleFreeAdamW`. As the
    authors' `RAdamScheduleFree`. (The one of pytorch-optimizer has a rate of 1 in place of the
    given one in the first steps, with `silent_sgd_phase=False`.)

    Args:
        learning_rate: >= 0, or a schedule. Default 0.0025.
        beta_1: In [0, 1), the share of the mean in the trained weights. Default 0.9.
        beta_2: In [0, 1), decay of the mean of the squared gradient. Default 0.999. At 0.6 or less
            the variance is never trusted.
        epsilon: >= 1e-30, added to the root. Default 1e-8.
        r: >= 0, the power of the step's number in its weight. Default 0.
        weight_lr_power: >= 0, the power of the largest rate in it. Default 2.
        silent_sgd_phase: Whether weights wait while the variance cannot be trusted. Default `True`.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: the weights wait for four steps; the fifth is short.

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([0.0])
    >>> optimizer = keras_optim.ScheduleFreeRAdam(learning_rate=1.0)
    >>> for _ in range(5):
    ...     print(x.numpy().round(4))
    ...     optimizer.apply([np.array([100.0], "float32")], [x])
    [0.]
    [0.]
    [0.]
    [0.]
    [0.]
    >>> print(x.numpy().round(4))
    [-0.0173]

    Reference:
        Defazio, Yang, Khaled, Mishchenko, Mehta, Cutkosky, "The road less scheduled", NeurIPS 2024,
        https://arxiv.org/abs/2405.15682; Liu et al., "On the variance of the adaptive learning rate
        and beyond", ICLR 2020, https://arxiv.org/abs/1908.03265
    """

    slots = ("drift", "velocity")
    memory = 2
    trial_arguments = {"silent_sgd_phase": False, "beta_2": 0.95}  # all steps move, most as Adam

    def __init__(
        self,
        learning_rate: LearningRate = 0.0025,
        beta_1: Decay = 0.9,
        beta_2: Decay = 0.999,
        epsilon: Epsilon = 1e-8,
        *,
        r: NonNegative = 0.0,
        weight_lr_power: NonNegative = 2.0,
        silent_sgd_phase: bool = True,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.r = r
        self.weight_lr_power = weight_lr_power
        self.silent_sgd_phase = silent_sgd_phase

    def interpolation(self) -> float:
        return self.beta_1

    def trusted(self, t: Tensor, like: Tensor) -> tuple[Any, Any]:
        """Whether the variance can be trusted in step `t`, and the length of its average."""
        longest = 2.0 / (1.0 - self.beta_2) - 1.0
        if longest <= 4.0:
            return False, longest
        rho = sma_length(self.beta_2, t, like)
        return rho > 4.0, ops.where(rho > 4.0, rho, longest * ops.ones_like(rho))

    def factor(self, t: Tensor, like: Tensor) -> Tensor | float:
        longest, early = 2.0 / (1.0 - self.beta_2) - 1.0, 0.0 if self.silent_sgd_phase else 1.0
        trusted, rho = self.trusted(t, like)
        if trusted is False:
            return early
        square = (rho - 4.0) / (longest - 4.0) * ((rho - 2.0) / (longest - 2.0)) * (longest / rho)
        return ops.where(trusted, ops.sqrt(square), early * ops.ones_like(square))

    def direction(self, g: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        v = ema(s["velocity"], g * g, self.beta_2)
        share, denominator = unbiased_root(v, self.beta_2, t, self.epsilon)
        step = lr * share * g / denominator
        trusted, _ = self.trusted(t, like=lr)
        if trusted is False or not self.silent_sgd_phase:
            step = lr * g if trusted is False else ops.where(trusted, step, lr * g)
        return step, {"velocity": v}
