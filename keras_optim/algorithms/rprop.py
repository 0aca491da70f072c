"""Rprop: only the sign of the gradient, and a step size for each weight."""

from typing import Annotated, Unpack

from keras import ops

from keras_optim.arguments.ranges import Epsilon, KerasOptions, LearningRate, Positive, Range
from keras_optim.numerics import between, sign
from keras_optim.optimizer import Optimizer, Slots, Tensor


class Rprop(Optimizer):
    r"""Resilient propagation: longer steps while a sign lasts, shorter ones when it turns.

    $$
    \begin{aligned}
    a_t &= g_t\, \tilde g_{t-1} \\
    \Delta_t &= \operatorname{clip}\left(\Delta_{t-1} \begin{cases} \eta^+ & a_t > 0 \\
        \eta^- & a_t < 0 \\ 1 & a_t = 0 \end{cases},\; \Delta_{\min},\; \Delta_{\max}\right) \\
    \tilde g_t &= \begin{cases} 0 & a_t < 0 \\ g_t & \text{otherwise} \end{cases}, \qquad
    x_t = x_{t-1} - \Delta_t \operatorname{sign}(\tilde g_t)
    \end{aligned}
    $$

    **For full batches only**: with mini-batches the signs are noise, and a weight with nine
    gradients of 0.1 and one of -0.9 runs away. There, fast and nearly free of tuning: the size
    of the gradient does not matter.

    `learning_rate` is the length of the first step, $\Delta_0$; from then on the rule sets it, and
    a schedule has no effect (except on `weight_decay`). This is the variant without weight
    back-tracking (iRprop-), as `torch.optim.Rprop`; Riedmiller's takes back the last step
    when the sign turns, and `optax.rprop` applies each step one call late. Keras has no Rprop.

    Args:
        learning_rate: >= 0, the first step size. Default 0.01.
        eta_minus: In (0, 1), factor when the sign turns. Default 0.5.
        eta_plus: > 1, factor while the sign lasts. Default 1.2.
        min_step_size: >= 1e-30, at most `max_step_size`. Default 1e-6.
        max_step_size: > 0. Default 50.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Raises:
        ValueError: `min_step_size` is larger than `max_step_size`.

    Example: two steps of 1 and 1.2, none where the sign turns, then one of 0.6 back.

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([0.0])
    >>> optimizer = keras_optim.Rprop(learning_rate=1.0)
    >>> for g in (-3.0, -0.01, 5.0, 5.0):
    ...     optimizer.apply([np.array([g], "float32")], [x])
    ...     print(x.numpy().round(4))
    [1.]
    [2.2]
    [2.2]
    [1.6]

    Reference:
        Riedmiller, Braun, "A direct adaptive method for faster backpropagation learning: the RPROP
        algorithm", ICNN 1993, https://doi.org/10.1109/ICNN.1993.298623; iRprop-: Igel, Hüsken,
        "Improving the Rprop learning algorithm", NC 2000
    """

    slots = ("step_size", "sign")  # a step size of 0: no step was taken yet
    memory = 2
    scale_invariant = True
    rate_at_start_only = True

    def __init__(
        self,
        learning_rate: LearningRate = 0.01,
        eta_minus: Annotated[float, Range(0, 1, open="both")] = 0.5,
        eta_plus: Annotated[float, Range(1, open="left")] = 1.2,
        min_step_size: Epsilon = 1e-6,
        max_step_size: Positive = 50.0,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, **kwargs)
        if min_step_size > max_step_size:
            raise ValueError(
                "Rprop: `min_step_size` must be at most `max_step_size`. "
                f"Received: min_step_size={min_step_size}, max_step_size={max_step_size}"
            )
        self.eta_minus = eta_minus
        self.eta_plus = eta_plus
        self.min_step_size = min_step_size
        self.max_step_size = max_step_size

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        size = ops.where(s["step_size"] > 0.0, s["step_size"], lr)
        way = sign(g)
        lasts, turns = way * s["sign"] > 0.0, way * s["sign"] < 0.0
        size = ops.where(lasts, self.eta_plus * size, ops.where(turns, self.eta_minus * size, size))
        size = between(size, self.min_step_size, self.max_step_size)
        way = ops.where(turns, ops.zeros_like(way), way)
        return -(size * way), {"step_size": size, "sign": way}
