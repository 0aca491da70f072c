"""LaProp: momentum of normalised gradients."""

from typing import Unpack

from keras import ops

from keras_optim.algorithms.moments import Moments
from keras_optim.arguments.ranges import Decay, Epsilon, KerasOptions, LearningRate
from keras_optim.numerics import ema, unbiased_root
from keras_optim.optimizer import Slots, Tensor
from keras_optim.trees import Tree


class LaProp(Moments):
    r"""Adam with its two halves in the other order: normalise first, then take the momentum.

    $$
    \begin{aligned}
    v_t &= \beta_2 v_{t-1} + (1-\beta_2)\, g_t^2, \qquad
    n_t = \frac{g_t}{\sqrt{v_t / (1-\beta_2^t)} + \epsilon} \\
    m_t &= \beta_1 m_{t-1} + (1-\beta_1)\, \eta_t\, n_t, \qquad
    \bar\eta_t = \beta_1 \bar\eta_{t-1} + (1-\beta_1)\, \eta_t \\
    x_t &= x_{t-1} - \eta_t\, m_t / \bar\eta_t
    \end{aligned}
    $$

    With a constant rate $m_t / \bar\eta_t$ is the bias-corrected momentum. In Adam a momentum of
    old gradients is divided by the root of new ones, and is unstable for `beta_1` > sqrt(`beta_2`);
    here any two may be combined, and a spike counts once. Tune as Adam, from a smaller rate; use a
    larger `beta_1` or a smaller `beta_2` where gradients are noisy or suddenly change.

    If the rate changes, the mean of the normalised gradients is weighted by their rates, as in the
    authors' code; at a rate of zero nothing moves here. There `weight_decay` is not multiplied by
    the rate. pytorch-optimizer adds epsilon before the bias correction. Keras and optax have no
    LaProp. `keras_optim.ADOPT` divides by past gradients only.

    Args:
        learning_rate: >= 0, or a schedule. Default 4e-4.
        beta_1: In [0, 1), decay of the mean of the normalised gradient. Default 0.9.
        beta_2: In [0, 1), decay of the mean of the square. Default 0.999.
        epsilon: >= 1e-30, added to the root. Default 1e-15.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: a large gradient, then small ones, with a short memory of squares. Adam divides the
    large one, kept in the momentum, by the small ones.

    >>> import numpy as np, keras, keras_optim
    >>> for rule in (keras_optim.Adam, keras_optim.LaProp):
    ...     x = keras.Variable([0.0])
    ...     optimizer = rule(learning_rate=0.1, beta_1=0.9, beta_2=0.1)
    ...     for g in (-100.0, -0.01, -0.01, -0.01):
    ...         optimizer.apply([np.array([g], "float32")], [x])
    ...     print(x.numpy().round(2))
    [1.28]
    [0.2]

    Reference:
        Ziyin, Wang, Ueda, "LaProp: separating momentum and adaptivity in Adam", 2020,
        https://arxiv.org/abs/2002.04839
    """

    shared = {"rate_average": 0.0}
    non_negative = ("rate_average",)
    memory = 2
    scale_invariant = True

    def __init__(
        self,
        learning_rate: LearningRate = 4e-4,
        beta_1: Decay = 0.9,
        beta_2: Decay = 0.999,
        epsilon: Epsilon = 1e-15,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **kwargs)

    def pool(self, sums: Tree, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tree, Tree]:
        average = ema(s["rate_average"], lr, self.beta_1)
        moves = average > 0.0
        relative = ops.where(
            moves, lr / ops.where(moves, average, ops.ones_like(average)), 0.0 * lr
        )
        return {"rate_average": average}, {"relative_rate": relative}

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        v = ema(s["velocity"], g * g, self.beta_2)
        share, denominator = unbiased_root(v, self.beta_2, t, self.epsilon)
        m = ema(s["momentum"], lr * share * g / denominator, self.beta_1)
        return -s["relative_rate"] * m, {"momentum": m, "velocity": v}
