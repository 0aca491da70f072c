"""GSAM: SAM that also closes the gap between the loss nearby and the loss here."""

from collections.abc import Sequence
from typing import Any, Unpack

import keras
from keras import ops

from keras_optim import keras_private
from keras_optim.arguments.ranges import NonNegative, Positive, WrapperOptions
from keras_optim.contract import VariableSpec
from keras_optim.formatting import shown
from keras_optim.optimizer import Optimizer, Tensor
from keras_optim.trees import Tree
from keras_optim.wrappers.sharpness import SharpnessAware


class GSAM(SharpnessAware):
    r"""SAM whose step also climbs, across its gradient, out of sharp valleys.

    $$
    g = \nabla L(x), \qquad g_s = \nabla L\left(x + \rho_t\, g / \|g\|\right), \qquad
    x \leftarrow \text{inner step with } g_s - \alpha \left(g - \frac{\langle g, g_s\rangle}
    {\|g_s\|^2}\, g_s\right)
    $$

    SAM lowers the loss of the worst weights nearby, $L_p$. That loss may be low although the
    minimum is sharp: the gap $L_p - L$ counts as well. The part of $g$ across $g_s$ lowers $L$
    alone, so stepping against it narrows the gap and leaves $L_p$ as it is, to first order.

    It needs the same line before `fit` as `SAM`, `keras_optim.two_pass(model)`, and costs the same.
    All norms are those of all variables together. With `rho_min`, the radius follows the rate, as
    the paper has it:

    $$
    \rho_t = \rho_{\min} + (\rho - \rho_{\min})\, \frac{\eta_t - \eta_{\min}}
    {\eta_{\max} - \eta_{\min}}
    $$

    Clipping, weight decay, accumulation and the rule inside work on the combined gradient.

    Args:
        inner: An optimizer of keras_optim, not built.
        rho: >= 0, $\rho$, the radius; with `rho_min` that at the largest rate. Default 0.05.
        alpha: >= 0, $\alpha$. 0 is SAM. Default 0.4. The paper tries 0.1 to 0.4.
        rho_min: >= 0, $\rho_{\min}$, the radius at the smallest rate, or `None`: always `rho`.
            Default `None`.
        max_learning_rate: > 0, $\eta_{\max}$, the largest rate of the schedule: given with
            `rho_min`. Default `None`.
        min_learning_rate: >= 0, $\eta_{\min}$, the smallest one. Default 0.
        **kwargs: Options of every optimizer that `inner` does not set, see
            `keras_optim.Optimizer`.

    Raises:
        ValueError: `rho_min` or `max_learning_rate` is given alone, or with a rate that is a
            callable; `max_learning_rate` is not above `min_learning_rate`, or `rho_min` above
            `rho`; or, at the first step, nobody computes second gradients.

    Example: the second gradient is (0, 1), and the first one (1, 1) has a part of (1, 0) across it.

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([0.0, 0.0])
    >>> optimizer = keras_optim.GSAM(keras_optim.SGD(1.0), alpha=0.5)
    >>> ones, second = np.array([1.0, 1.0], "float32"), np.array([0.0, 1.0], "float32")
    >>> optimizer.apply([ones], [x], second=lambda: [second])
    >>> print(x.numpy().round(4))
    [ 0.5 -1. ]

    Reference:
        Zhuang et al., "Surrogate gap minimization improves sharpness-aware training", ICLR 2022,
        https://arxiv.org/abs/2203.08065
    """

    combines = True

    def __init__(
        self,
        inner: Optimizer,
        rho: NonNegative = 0.05,
        alpha: NonNegative = 0.4,
        *,
        rho_min: NonNegative | None = None,
        max_learning_rate: Positive | None = None,
        min_learning_rate: NonNegative = 0.0,
        **kwargs: Unpack[WrapperOptions],
    ):
        if (rho_min is None) != (max_learning_rate is None):
            raise ValueError(
                "GSAM: `rho_min` and `max_learning_rate` belong together. "
                f"Received: rho_min={shown(rho_min)}, max_learning_rate={shown(max_learning_rate)}"
            )
        if max_learning_rate is not None and not max_learning_rate > min_learning_rate:
            raise ValueError(
                "GSAM: `max_learning_rate` must be above `min_learning_rate`. Received: "
                f"max_learning_rate={max_learning_rate}, min_learning_rate={min_learning_rate}"
            )
        if rho_min is not None and rho_min > rho:
            raise ValueError(
                f"GSAM: `rho_min` must be at most `rho`. Received: rho_min={rho_min}, rho={rho}"
            )
        super().__init__(inner, **kwargs)
        self.rho = rho
        self.alpha = alpha
        self.rho_min = rho_min
        self.max_learning_rate = max_learning_rate
        self.min_learning_rate = min_learning_rate

    def constants(self, variables: Sequence[VariableSpec]) -> list[Tree]:
        rate = keras_private.learning_rate(self)
        known = isinstance(rate, keras.Variable | keras.optimizers.schedules.LearningRateSchedule)
        if self.rho_min is not None and not known:
            raise ValueError(
                "GSAM: with `rho_min` the learning rate must be a number or a schedule, because a "
                f"callable is asked after the second gradient. Received: {shown(rate)}"
            )
        return super().constants(variables)

    def radius(self, lr: Tensor) -> Tensor | float:
        if self.rho_min is None or self.max_learning_rate is None:
            return self.rho
        share = (lr - self.min_learning_rate) / (self.max_learning_rate - self.min_learning_rate)
        return self.rho_min + (self.rho - self.rho_min) * share

    def shares(self, along: Tensor, first: Tensor, second: Tensor) -> tuple[Any, Any]:
        zero = second <= 0.0
        parallel = along / ops.where(zero, ops.ones_like(second), second)
        return -self.alpha, 1.0 + self.alpha * parallel
