"""DoWG: DoG whose gradients count by the distance at which they were taken."""

from typing import Unpack

from keras import ops

from keras_optim.algorithms.distance import FromStart
from keras_optim.arguments.ranges import Epsilon, KerasOptions, LearningRate
from keras_optim.numerics import finite_or, larger
from keras_optim.optimizer import Slots, Tensor
from keras_optim.trees import Tree


class DoWG(FromStart):
    r"""Gradient descent without a rate to tune: distance over weighted gradients.

    $$
    \begin{aligned}
    \bar r_t^2 &= \max_{i < t} \lVert x_i - x_0 \rVert^2, \quad \bar r_1^2 = \epsilon &
    v_t &= v_{t-1} + \bar r_t^2 \lVert g_t \rVert^2 &
    x_t &= x_{t-1} - \eta\, \frac{\bar r_t^2}{\sqrt{v_t} + \epsilon}\, g_t
    \end{aligned}
    $$

    All norms go over all variables. Gradients from near the start count little, so the rate is
    larger than that of `keras_optim.DoG`, and no average is part of the method: the paper proves
    its rate of convergence for smooth and for non-smooth convex losses, by normalised steps. On
    deep networks the authors found it close to tuned methods, and as likely to be behind Adam.

    Leave `learning_rate` at 1. `weight_decay` is added to the gradient, as in optax: it is L2
    regularisation, and not decoupled. `LogTraining` logs the rate as `estimated_rate`. Kept is the
    offset $x_0 - x$, so the start follows weights that are loaded or set. As here: dowgopt,
    `optax.contrib.dowg`. Keras has no DoWG.

    Args:
        learning_rate: >= 0, or a schedule: a factor of the rate. Default 1.0.
        epsilon: >= 1e-30, the first squared distance; and added to the root. Default 1e-4.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: the first step has the length of the first distance, whatever the gradient.

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([3.0])
    >>> optimizer = keras_optim.DoWG()
    >>> optimizer.apply([np.array([1000.0], "float32")], [x])
    >>> print(x.numpy().round(4))
    [2.99]

    Reference:
        Khaled, Mishchenko, Jin, "DoWG unleashed: an efficient universal parameter-free gradient
        descent method", NeurIPS 2023, https://arxiv.org/abs/2305.16284
    """

    shared = {"distance_square": 1e-4, "weighted": 0.0, "step_size": 0.0}
    non_negative = ("distance_square", "step_size")
    joint = True
    estimate = "step_size"

    def __init__(
        self,
        learning_rate: LearningRate = 1.0,
        epsilon: Epsilon = 1e-4,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, **kwargs)
        self.epsilon = epsilon
        self.shared = {**type(self).shared, "distance_square": epsilon}

    def measure(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tree, Slots]:
        g = self.regularised(g, x, s)
        return {"offset": ops.sum(s["offset"] * s["offset"]), "gradient": ops.sum(g * g)}, {}

    def pool(self, sums: Tree, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tree, Tree]:
        before = s["distance_square"]
        square = larger(finite_or(sums["offset"], before), before)
        weighted = s["weighted"] + square * sums["gradient"]
        weighted = ops.where(ops.isnan(weighted), s["weighted"], weighted)
        step_size = square / (ops.sqrt(weighted) + self.epsilon)
        step_size = ops.where(weighted > 0.0, step_size, s["step_size"])
        return {"distance_square": square, "weighted": weighted, "step_size": step_size}, {}

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        change = -lr * s["step_size"] * self.regularised(g, x, s)
        return change, {"offset": self.offset(change, x, s)}
