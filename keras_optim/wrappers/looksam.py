"""LookSAM: SAM whose second gradient is taken only every few steps."""

from typing import Any, Unpack

from keras import ops

from keras_optim.arguments.ranges import NonNegative, Period, WrapperOptions
from keras_optim.optimizer import Optimizer, Slots, Tensor
from keras_optim.wrappers.sharpness import SharpnessAware


class LookSAM(SharpnessAware):
    r"""SAM at little more than the cost of its inner rule: it remembers the way to flat weights.

    $$
    g_s = \nabla L\left(x + \rho\, g / \|g\|\right), \quad
    g_v = g_s - \frac{\langle g, g_s\rangle}{\|g\|^2}\, g
    \quad\text{every } k \text{ steps}, \qquad
    g_s = g + \alpha\, \frac{\|g\|}{\|g_v\|}\, g_v \quad\text{else}
    $$

    and an inner step with $g_s$. The part of SAM's gradient across the plain one, $g_v$, leads to
    flat weights, and changes slowly. So it is computed in each $k$-th step alone, which is as slow
    as that of `SAM`, and used until the next. With $k = 10$ a training takes about a tenth longer
    than without. It needs the same line before `fit`, `keras_optim.two_pass(model)`.

    All norms are those of all variables together. The authors published no code;
    pytorch-optimizer's has norms of each variable by itself. Several replicas of `tf.distribute`
    are not supported.

    Args:
        inner: An optimizer of keras_optim, not built.
        rho: >= 0, $\rho$, the radius. Default 0.1.
        alpha: >= 0, $\alpha$, the share of $g_v$ where it is reused. Default 0.7.
        refresh_period: >= 1, $k$, steps from one second gradient to the next. 1 is SAM. Default 10.
        **kwargs: Options of every optimizer that `inner` does not set, see
            `keras_optim.Optimizer`.

    Raises:
        ValueError: at the first step, if nobody computes second gradients.

    Example: the second step has no second gradient, and goes as far along (1, 0), which the first
    one found across (0, 1).

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([0.0, 0.0])
    >>> optimizer = keras_optim.LookSAM(keras_optim.SGD(1.0), alpha=0.5, refresh_period=2)
    >>> first, second = np.array([0.0, 1.0], "float32"), np.array([3.0, 1.0], "float32")
    >>> for _ in range(2):
    ...     optimizer.apply([first], [x], second=lambda: [second])
    ...     print(x.numpy().round(4))
    [-3. -1.]
    [-3.5 -2. ]

    Reference:
        Liu, Mai, Chen, Hsieh, You, "Towards efficient and scalable sharpness-aware minimization",
        CVPR 2022, https://arxiv.org/abs/2203.02714
    """

    slots = ("ascent",)
    memory = 1
    combines = True

    def __init__(
        self,
        inner: Optimizer,
        rho: NonNegative = 0.1,
        alpha: NonNegative = 0.7,
        refresh_period: Period = 10,
        **kwargs: Unpack[WrapperOptions],
    ):
        super().__init__(inner, **kwargs)
        self.rho = rho
        self.alpha = alpha
        self.refresh_period = refresh_period

    @property
    def second_period(self) -> int:  # type: ignore[override]
        """Steps from one second gradient to the next."""
        return self.refresh_period

    def shares(self, along: Tensor, first: Tensor, second: Tensor) -> tuple[Any, Any]:
        return 0.0, 1.0

    def kept_shares(self, along: Tensor, first: Tensor, second: Tensor) -> tuple[Any, Any]:
        """Return the factors of both gradients in `ascent`, the part of the second one across."""
        return -along / ops.where(first > 0.0, first, ops.ones_like(first)), 1.0

    def reused_shares(self, along: Tensor, first: Tensor, kept: Tensor) -> tuple[Any, Any]:
        """Return the factors of the gradient and of `ascent` in a step without a second one."""
        long = kept > 0.0
        ratio = ops.sqrt(first) / ops.sqrt(ops.where(long, kept, ops.ones_like(kept)))
        return 1.0, self.alpha * ops.where(long, ratio, ops.zeros_like(ratio))

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        change, new = super().update(g, x, s, t, lr)
        return change, {**new, "ascent": s["ascent"]}
