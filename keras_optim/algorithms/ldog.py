"""LDoG: DoG with a rate for each variable."""

from keras import ops

from keras_optim.algorithms.distance import Averaged
from keras_optim.optimizer import Slots, Tensor


class LDoG(Averaged):
    r"""DoG for each variable by itself.

    $$
    x_t = x_{t-1} - \eta\, \frac{\bar r_t}{\sqrt{\sum_{i \le t} \lVert g_i \rVert^2 + \epsilon}}
        \, g_t, \qquad
    \bar r_t = \max_{i < t} \lVert x_i - x_0 \rVert, \quad
    \bar r_1 = r_\epsilon\, (1 + \lVert x_0 \rVert)
    $$

    with norms over one variable, and the average of `keras_optim.DoG` for evaluation. In the
    paper's fine-tuning it did better than DoG on transformers, and it is less stable elsewhere.
    What is said of `DoG` about the rate, `reps_rel`, `weight_decay` and the average holds here,
    too. There is no one rate to log. As here: dog-optimizer, for one variable to a layer. Keras has
    no LDoG.

    Args:
        learning_rate: >= 0, or a schedule: a factor of the rates. Default 1.0.
        reps_rel: >= 1e-12, the first distance, relative to the weights. Default 1e-6.
        gamma: >= 0, how soon the average forgets; `None` for no average. Default 8.0.
        epsilon: >= 1e-30, added to the sum of squares. Default 1e-8.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: a variable with large gradients does not slow the other.

    >>> import numpy as np, keras, keras_optim
    >>> xs = [keras.Variable([3.0]), keras.Variable([3.0])]
    >>> optimizer = keras_optim.LDoG()
    >>> for _ in range(90):
    ...     optimizer.apply([xs[0].numpy(), 1000.0 * xs[1].numpy()], xs)
    >>> print(xs[0].numpy().round(2), xs[1].numpy().round(2))
    [0.42] [0.42]

    Reference:
        Ivgi, Hinder, Carmon, "DoG is SGD's best friend: a parameter-free dynamic step size
        schedule", ICML 2023, https://arxiv.org/abs/2302.12022
    """

    def init(self, x: Tensor) -> Slots:
        return {name: ops.zeros((), x.dtype) for name in ("distance", "squares")}

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        g, offset = self.regularised(g, x, s), s["offset"]
        distance = self.distance(s["distance"], ops.sum(offset * offset), ops.sum(x * x), t)
        squares = self.squares(s["squares"], ops.sum(g * g))
        change = -lr * self.step_size(distance, squares, ops.zeros_like(squares)) * g
        return self.averaged(change, x, s, t, distance=distance, squares=squares)
