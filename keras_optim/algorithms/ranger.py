"""Ranger: RAdam on centred gradients, with Lookahead's slow weights."""

from typing import Annotated, Unpack

from keras import ops

from keras_optim.algorithms.moments import Moments
from keras_optim.algorithms.radam import rectified
from keras_optim.arguments.ranges import (
    Decay,
    Epsilon,
    Fraction,
    KerasOptions,
    LearningRate,
    Period,
    Range,
)
from keras_optim.numerics import mean, unbias
from keras_optim.optimizer import Slots, Tensor


class Ranger(Moments):
    r"""Three remedies in one: RAdam's warmup, Lookahead's slow weights, centred gradients.

    $$
    \begin{aligned}
    \tilde g_t &= g_t - \operatorname{mean}_\text{inputs}(g_t) \quad \text{for each unit, if } g
        \text{ has two axes or more} \\
    x_t &= x_{t-1} - \eta\, d_t(\tilde g_t), \qquad d_t \text{ as in RAdam} \\
    \phi &\leftarrow \phi + \alpha\, (x_t - \phi), \quad x_t \leftarrow \phi
        \qquad \text{every } k \text{-th step}
    \end{aligned}
    $$

    It is `Lookahead(Centralization(RAdam(...)))`, by the name and with the defaults that people
    know: to change one of the three, or to put a wrapper between them, write that. Popular in
    vision contests for rates that need little tuning, mostly with a flat rate and a cosine for the
    last quarter. A momentum above Adam's makes up for the slow weights.

    Weight decay acts in the fast steps only, as in Lookahead. When weights are loaded or set, the
    slow weights follow. As here: pytorch-optimizer's `Ranger(degenerated_to_sgd=True)`; its default
    goes uphill in the first steps, until RAdam trusts its variance. Ranger21 is another algorithm.
    Keras has no Ranger.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.001.
        beta_1: In [0, 1), decay of the mean of the gradient. Default 0.95.
        beta_2: In [0, 1), decay of the mean of its square. Default 0.999.
        epsilon: >= 1e-30, added to the root. Default 1e-5.
        sma_threshold: >= 4, see RAdam. Default 5.
        sync_period: $k$, >= 1. Default 6.
        slow_step_size: In [0, 1], $\alpha$. Default 0.5.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: two steps along the centred gradient, then half of the way back.

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([[1.0], [1.0]])
    >>> optimizer = keras_optim.Ranger(learning_rate=0.1, sync_period=2)
    >>> for _ in range(2):
    ...     optimizer.apply([np.array([[1.0], [3.0]], "float32")], [x])
    ...     print(x.numpy().ravel().round(4))
    [1.1 0.9]
    [1.1 0.9]

    Reference:
        Wright, "Ranger", 2019, https://github.com/lessw2020/Ranger-Deep-Learning-Optimizer; Liu et
        al., https://arxiv.org/abs/1908.03265; Zhang et al., https://arxiv.org/abs/1907.08610; Yong
        et al., https://arxiv.org/abs/2004.01461
    """

    slots = ("momentum", "velocity", "drift")
    memory = 3
    elementwise = False

    def __init__(
        self,
        learning_rate: LearningRate = 1e-3,
        beta_1: Decay = 0.95,
        beta_2: Decay = 0.999,
        epsilon: Epsilon = 1e-5,
        sma_threshold: Annotated[float, Range(4)] = 5.0,
        sync_period: Period = 6,
        slow_step_size: Fraction = 0.5,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **kwargs)
        self.sma_threshold = sma_threshold
        self.sync_period = sync_period
        self.slow_step_size = slow_step_size

    def step(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        """With the decay inside: it is part of the fast step, which the slow weights follow."""
        return self.update(g, x, s, t, lr)

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        axes = tuple(range(len(g.shape) - 1))
        m, v = self.averages(g - mean(g, axes) if axes else g, s)
        change = -lr * rectified(
            unbias(m, self.beta_1, t), v, self.beta_2, self.epsilon, self.sma_threshold, t
        )
        if s["weight_decay"]:
            change = change + self.decayed(x, s, lr, change)
        sync = t % self.sync_period == 0
        back = change - (1.0 - self.slow_step_size) * (s["drift"] + change)
        drift = s["drift"] + self.moved(change, x, s)
        return (
            ops.where(sync, back, change),
            {
                "momentum": m,
                "velocity": v,
                "drift": ops.where(sync, ops.zeros_like(drift), drift),
            },
        )
