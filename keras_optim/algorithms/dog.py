"""DoG: gradient descent whose rate is the distance moved over the gradients seen."""

from keras import ops

from keras_optim.algorithms.distance import Averaged
from keras_optim.optimizer import Slots, Tensor
from keras_optim.trees import Tree


class DoG(Averaged):
    r"""Gradient descent without a rate to tune: distance over gradients.

    $$
    \begin{aligned}
    \bar r_t &= \max_{i < t} \lVert x_i - x_0 \rVert, \quad
        \bar r_1 = r_\epsilon\, (1 + \lVert x_0 \rVert) &
    x_t &= x_{t-1} - \eta\, \frac{\bar r_t}{\sqrt{\sum_{i \le t} \lVert g_i \rVert^2 + \epsilon}}
        \, g_t \\
    w_t &= \frac{1 + \gamma}{t + \gamma} & a_t &= (1 - w_t)\, a_{t-1} + w_t\, x_t
    \end{aligned}
    $$

    All norms go over all variables. The rate rises from next to nothing until the weights have gone
    as far as they need, and then falls like $1/\sqrt t$: in the paper's fine-tuning it came close
    to SGD with a tuned rate. It does not fall to zero, so the average $a$ is part of the method:
    the model is evaluated with it, as with that of `keras_optim.EMA`. At the end of `fit` it stays
    in the model; `keras_optim.callbacks.EvaluateAveraged` puts it there for validation and
    checkpoints as well. `gamma=None` leaves it out, for another one: `EMA(DoG(gamma=None))`.

    Leave `learning_rate` at 1. Raise `reps_rel` to 1e-4 in models with batch normalisation, as the
    authors do; smaller is safer, and costs steps. `weight_decay` is added to the gradient, as in
    the authors' code: it is L2 regularisation, and not decoupled. `LogTraining` logs the rate as
    `estimated_rate`. Kept is the offset $x_0 - x$, so the start follows weights that are loaded or
    set. As here: dog-optimizer, `optax.contrib.dog`. Keras has no DoG.

    Args:
        learning_rate: >= 0, or a schedule: a factor of the rate. Default 1.0.
        reps_rel: >= 1e-12, the first distance, relative to the weights. Default 1e-6.
        gamma: >= 0, how soon the average forgets: it looks back over the last `t / gamma` steps or
            so; `None` for no average. Default 8.0.
        epsilon: >= 1e-30, added to the sum of squares. Default 1e-8.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: the size of the gradient makes no difference.

    >>> import numpy as np, keras, keras_optim
    >>> for scale in (1.0, 1000.0):
    ...     x = keras.Variable([3.0])
    ...     optimizer = keras_optim.DoG()
    ...     for _ in range(90):
    ...         optimizer.apply([scale * x.numpy()], [x])
    ...     print(x.numpy().round(2))
    [0.42]
    [0.42]

    Reference:
        Ivgi, Hinder, Carmon, "DoG is SGD's best friend: a parameter-free dynamic step size
        schedule", ICML 2023, https://arxiv.org/abs/2302.12022
    """

    shared = {"distance": 0.0, "squares": 0.0, "step_size": 0.0}
    non_negative = ("distance", "step_size")
    joint = True
    estimate = "step_size"

    def measure(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tree, Slots]:
        g = self.regularised(g, x, s)
        sums = {
            "offset": ops.sum(s["offset"] * s["offset"]),
            "weights": ops.sum(x * x),
            "gradient": ops.sum(g * g),
        }
        return sums, {}

    def pool(self, sums: Tree, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tree, Tree]:
        distance = self.distance(s["distance"], sums["offset"], sums["weights"], t)
        squares = self.squares(s["squares"], sums["gradient"])
        step_size = self.step_size(distance, squares, s["step_size"])
        return {"distance": distance, "squares": squares, "step_size": step_size}, {}

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        change = -lr * s["step_size"] * self.regularised(g, x, s)
        return self.averaged(change, x, s, t)
