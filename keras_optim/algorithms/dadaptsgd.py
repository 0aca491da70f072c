"""DAdaptSGD: momentum descent that estimates its learning rate by D-Adaptation."""

from typing import Annotated, Unpack

from keras import ops

from keras_optim.algorithms.distance import FromStart
from keras_optim.arguments.ranges import Decay, KerasOptions, LearningRate, Range
from keras_optim.numerics import estimated, finite_or, larger, smaller
from keras_optim.optimizer import Slots, Tensor
from keras_optim.trees import Tree


class DAdaptSGD(FromStart):
    r"""Momentum whose rate is a lower bound $d$ of the distance from the start to a solution.

    $$
    \begin{aligned}
    \lambda_t &= \eta\, d_{t-1} / \lVert g_1 \rVert &
    r_t &= r_{t-1} + \lambda_t \langle g_t, s_{t-1} \rangle &
    s_t &= s_{t-1} + \lambda_t g_t \\
    d_t &= \max\left(d_{t-1},\, \frac{2 r_t}{\lVert s_t \rVert}\right) &
    z_t &= x_0 - s_t &
    x_t &= \mu\, x_{t-1} + (1 - \mu)\, z_t
    \end{aligned}
    $$

    Inner product and norms go over all variables. Leave `learning_rate` at 1, with the schedule
    that SGD would have. If training diverges, set `growth_rate` to 1.02: it is a warmup. As the sum
    holds past rates, a rate of 0 does not stop it at once.

    `weight_decay` is added to the gradient, as in the authors' code (there it is missing in
    $\lVert g_1 \rVert$, and so it is here): it is L2 regularisation, and not decoupled.
    `LogTraining` logs the estimate as `estimated_rate`. Kept is the offset $x_0 - x$, so the start
    follows weights that are loaded or set. If the first gradient is zero, the next one counts. As
    here: dadaptation, pytorch-optimizer. Keras has no D-Adaptation.

    Args:
        learning_rate: >= 0, or a schedule: a factor of the estimated rate. Default 1.0.
        momentum: In [0, 1). Default 0.9.
        d0: >= 1e-12, the first estimate; smaller than any useful distance. Default 1e-6.
        growth_rate: >= 1, or `None`: the estimate grows by no more than this factor a step.
            Default `None`.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: the size of the gradient makes no difference.

    >>> import numpy as np, keras, keras_optim
    >>> for scale in (1.0, 1000.0):
    ...     x = keras.Variable([10.0])
    ...     optimizer = keras_optim.DAdaptSGD(momentum=0.0)
    ...     for _ in range(30):
    ...         optimizer.apply([scale * x.numpy()], [x])
    ...     print(x.numpy().round(2))
    [4.58]
    [4.58]

    Reference:
        Defazio, Mishchenko, "Learning-rate-free learning by D-Adaptation", ICML 2023,
        https://arxiv.org/abs/2301.07733
    """

    slots = ("offset", "gradient_sum")
    shared = {"d": 1e-6, "numerator": 0.0, "first_norm": 0.0}
    non_negative = ("d", "first_norm")
    memory = 2
    joint = True
    estimate = "d"
    trial_arguments = {"d0": 0.1}

    def __init__(
        self,
        learning_rate: LearningRate = 1.0,
        momentum: Decay = 0.9,
        d0: Annotated[float, Range(1e-12)] = 1e-6,
        growth_rate: Annotated[float, Range(1)] | None = None,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, **kwargs)
        self.momentum = momentum
        self.d0 = d0
        self.growth_rate = growth_rate
        self.shared = {**type(self).shared, "d": d0}

    def measure(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tree, Slots]:
        total, decayed = s["gradient_sum"], self.regularised(g, x, s)
        sums = {
            "first": ops.sum(g * g),
            "gradient": ops.sum(decayed * decayed),
            "product": ops.sum(decayed * total),
            "sum": ops.sum(total * total),
        }
        return sums, {}

    def pool(self, sums: Tree, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tree, Tree]:
        d, first, zero = s["d"], s["first_norm"], ops.zeros_like(s["d"])
        first = ops.where(first > 0.0, first, finite_or(ops.sqrt(sums["first"]), zero))
        weight = estimated(d * lr, first, zero)
        numerator = finite_or(s["numerator"] + weight * sums["product"], s["numerator"])
        # The norm of the sum after this gradient, without another look at it.
        square = sums["sum"] + weight * (2.0 * sums["product"] + weight * sums["gradient"])
        found = estimated(2.0 * numerator, ops.sqrt(larger(square, zero)), d)
        if self.growth_rate is not None:
            found = smaller(found, d * self.growth_rate)
        new = {"d": larger(found, d), "numerator": numerator, "first_norm": first}
        return new, {"weight": weight}

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        total = s["gradient_sum"] + s["weight"] * self.regularised(g, x, s)
        change = (1.0 - self.momentum) * (s["offset"] - total)
        return change, {"gradient_sum": total, "offset": self.offset(change, x, s)}
