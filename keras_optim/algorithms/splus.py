"""SPlus: the sign of the momentum in Shampoo's eigenbases, and an average of the weights."""

from typing import Annotated, Unpack

from keras import ops

from keras_optim.algorithms.eigenbasis import Eigenbasis, statistics
from keras_optim.arguments.ranges import (
    Decay,
    KerasOptions,
    LearningRate,
    NonNegative,
    Period,
    Range,
)
from keras_optim.matrix import (
    eigenvectors,
    is_matrix,
    matrix_shape,
    negligible,
    turned,
)
from keras_optim.numerics import bias, ema, sign
from keras_optim.optimizer import Slots, Tensor


class SPlus(Eigenbasis):
    r"""Steps of the same size along all pairs of eigenvectors; test with an average.

    $$
    \begin{aligned}
    M_t &= \beta_1 M_{t-1} + (1-\beta_1)\, G_t, \qquad
    X_t = X_{t-1} - \frac{2\, \eta}{m + n}\, Q_L \operatorname{sign}(Q_L^\top M_t\, Q_R) Q_R^\top \\
    L_t &= \beta_2 L_{t-1} + (1-\beta_2)\, G_t G_t^\top, \qquad
    R_t = \beta_2 R_{t-1} + (1-\beta_2)\, G_t^\top G_t
    \end{aligned}
    $$

    for a kernel of $m$ inputs and $n$ outputs, with $Q_L$, $Q_R$ the eigenvectors of $L$ and $R$,
    computed after the first step and in every `refresh_period`-th one. The size of a step does not
    depend on how old they are, so the period can be long: the bases cost little. The factor makes
    a rate fit networks of any width. Scalars and vectors take `vector_scale` times the sign. Rates
    are larger than elsewhere, 0.1 to 0.3.

    Such steps make noise, so evaluation weights are an average of the training weights, with decay
    `average_decay` and Adam's correction, kept as its distance from them. At the end of `fit` it
    stays in the model; `keras_optim.callbacks.EvaluateAveraged` puts it there for validation.

    `weight_decay` is multiplied by the rate and by the factor of the step, as in the authors' code.
    They leave an axis of 10000 and more as it is, and give kernels of more than two axes the step
    of vectors. Here a kernel is the matrix of its inputs and outputs, cut into blocks. The basis of
    a null space is chosen as in `keras_optim.SOAP`, and numbers that are rounding errors beside
    others of their block have the sign 0. Keras has no SPlus.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.1.
        beta_1: In [0, 1), decay of the mean of the gradient. Default 0.9.
        beta_2: In [0, 1), decay of the statistics. Default 0.999.
        refresh_period: Steps from one computation of the bases to the next, >= 1. Default 100.
        vector_scale: >= 0, the factor of scalars and vectors. Default 0.001.
        average_decay: In [0, 1), decay of the average of the weights. Default 0.999.
        block_size: The largest number of rows or columns of a block, >= 1. Default 1024.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`. `use_ema` must be off.

    Raises:
        ValueError: Keras's own average, `use_ema`, is on.

    Example: steps of 1 and of 0.001; the average after two steps is their mean.

    >>> import numpy as np, keras, keras_optim
    >>> xs = [keras.Variable(np.zeros((1, 1), "float32")), keras.Variable([0.0])]
    >>> optimizer = keras_optim.SPlus(1.0)
    >>> for _ in range(2):
    ...     optimizer.apply([np.array([[7.0]], "float32"), np.array([-5.0], "float32")], xs)
    >>> print(*(x.numpy().ravel() for x in xs))
    [-2.] [0.002]
    >>> optimizer.finalize_variable_values(xs)
    >>> print(xs[0].numpy().round(2))
    [[-1.5]]

    Reference:
        Frans, Levine, Abbeel, "A stable whitening optimizer for efficient neural network training",
        2025, https://arxiv.org/abs/2506.07254
    """

    slots = ("momentum", "lag")
    memory = 6
    scale_invariant = True
    couples_decay = 0  # by the factor of the step
    trial_rate = 0.3

    def __init__(
        self,
        learning_rate: LearningRate = 0.1,
        beta_1: Decay = 0.9,
        beta_2: Decay = 0.999,
        refresh_period: Period = 100,
        vector_scale: NonNegative = 1e-3,
        average_decay: Decay = 0.999,
        block_size: Annotated[int, Range(1)] = 1024,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, beta_1, beta_2, refresh_period, block_size, **kwargs)
        if self.use_ema:
            raise ValueError(
                "SPlus: `use_ema` would average a second time; leave it off. Received: use_ema=True"
            )
        self.vector_scale = vector_scale
        self.average_decay = average_decay

    def step(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        """Without decoupled decay: `update` gives it the factor of the step."""
        return self.update(g, x, s, t, lr)

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        direction, new = self.directed(g, s, t)
        if decay := s["weight_decay"]:
            direction = direction + decay * x
        scale = 2.0 / sum(matrix_shape(tuple(x.shape))) if is_matrix(x) else self.vector_scale
        change = -(scale * lr) * direction
        share = bias(self.average_decay, t - 1, like=x) / bias(self.average_decay, t, like=x)
        lag = self.average_decay * share * (s["lag"] - self.moved(change, x, s))
        return change, {**new, "lag": lag}

    def first_basis(self, zeros: Tensor) -> Tensor:
        return zeros + ops.eye(zeros.shape[-1], dtype=zeros.dtype)

    def due(self, t: Tensor) -> Tensor:
        return ops.logical_or(t == 1, t % self.refresh_period == 0)

    def basis(self, statistic: Tensor, old: Tensor) -> Tensor:
        return eigenvectors(statistic)

    def scaled(self, g: Tensor, s: Slots, t: Tensor) -> tuple[Tensor, Slots]:
        m = ema(s["momentum"], turned(g, s["left_basis"], s["right_basis"]), self.beta_1)
        new = {"momentum": m, **statistics(g, s, self.beta_2)}
        size = ops.abs(m)
        least = negligible(m) * ops.max(size, axis=(-1, -2), keepdims=True)
        return ops.where(size <= least, ops.zeros_like(m), sign(m)), new

    def vector(self, g: Tensor, s: Slots, t: Tensor) -> tuple[Tensor, Slots]:
        m = ema(s["momentum"], g, self.beta_1)
        return sign(m), {"momentum": m}

    def evaluate(self, x: Tensor, s: Slots) -> Tensor:
        return x + s["lag"]

    def settle(self, x: Tensor, s: Slots) -> Slots:
        return {"lag": ops.zeros_like(x)}
