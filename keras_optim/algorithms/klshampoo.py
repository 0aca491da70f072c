"""KL-Shampoo: each side's statistic is whitened by the other side."""

from typing import Annotated, Unpack

from keras import ops

from keras_optim.algorithms.eigenbasis import SIDES, Eigenbasis
from keras_optim.arguments.ranges import (
    Decay,
    Epsilon,
    KerasOptions,
    LearningRate,
    Period,
    Positive,
    Range,
)
from keras_optim.matrix import is_matrix, transposed
from keras_optim.numerics import ema, larger, mean, unbias, unbiased_root
from keras_optim.optimizer import Slots, Tensor
from keras_optim.tensors import plus_product


class KLShampoo(Eigenbasis):
    r"""Shampoo whose statistics of rows are whitened by the columns, and the other way round.

    $$
    \begin{aligned}
    M_t &= \beta_1 M_{t-1} + (1-\beta_1)\, G_t, \qquad
    X_t = X_{t-1} - \eta\, Q_L
    \frac{Q_L^\top M_t\, Q_R}{\sqrt{l_{t-1}\, r_{t-1}^\top} + \epsilon} Q_R^\top \\
    L_t &= \beta_2 L_{t-1} + \tfrac{1-\beta_2}{n}\, G_t\, Q_R\, r_{t-1}^{-1} Q_R^\top G_t^\top \\
    l_t &= \beta_2\, l_{t-1} + (1-\beta_2)\,
    \operatorname{mean}_j \frac{(Q_L^\top G_t\, Q_R)_{ij}^2}{r_{t-1, j}}
    \end{aligned}
    $$

    for a matrix of $n$ columns; $R$ and $r$ likewise, from the side of $L$. So the covariance of
    the gradient is estimated by the Kronecker product that is nearest to it in the
    Kullback-Leibler divergence. The eigenvalues $l$ and $r$ follow in each step; the bases $Q$ are
    turned in every `refresh_period`-th one, by QR. No length is borrowed from Adam, and no second
    moment is kept, so it needs less memory than SOAP. In the paper it did as well or better on
    language models.

    As in the authors' code: the first gradient finds the bases and moves nothing. Eigenvalues
    begin at `initial_eigenvalue`, so the first $1 / (1 - \beta_2)$ steps are a warmup. Those of $n$
    columns stay above $\max(10, \min(n, 4000))^{-2}$, so very small gradients of small layers are
    not wholly whitened. $M$ is not corrected. They leave vectors to another optimizer; here Adam
    steps them. They keep a statistic for each axis; here a kernel is the matrix of its inputs and
    outputs, cut into blocks. The basis of a null space is chosen as in `keras_optim.SOAP`. Keras
    has no KL-Shampoo.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.001.
        beta_1: In [0, 1), decay of the mean of the gradient. Default 0.9.
        beta_2: In [0, 1), decay of statistics and eigenvalues, and of Adam's. Default 0.98.
        epsilon: >= 1e-30, added to the root. Default 1e-8.
        initial_eigenvalue: > 0, where the eigenvalues begin. Default 0.1.
        refresh_period: Steps from one turn of the bases to the next, >= 1. Default 10.
        block_size: The largest number of rows or columns of a block, >= 1. Default 1024.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: the second step is in proportion to the gradient, as eigenvalues are equal at first.

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable(np.zeros((2, 2), "float32"))
    >>> optimizer = keras_optim.KLShampoo(1.0, beta_1=0.9)
    >>> for _ in range(2):
    ...     optimizer.apply([np.array([[0.0, -3.0], [2.0, 0.0]], "float32")], [x])
    >>> print(x.numpy().round(3) + 0.0)
    [[ 0.  3.]
     [-2.  0.]]

    Reference:
        Lin et al., "Understanding and improving Shampoo and SOAP via Kullback-Leibler
        minimization", 2025, https://arxiv.org/abs/2509.03378
    """

    memory = 5

    def __init__(
        self,
        learning_rate: LearningRate = 1e-3,
        beta_1: Decay = 0.9,
        beta_2: Decay = 0.98,
        epsilon: Epsilon = 1e-8,
        initial_eigenvalue: Positive = 0.1,
        refresh_period: Period = 10,
        block_size: Annotated[int, Range(1)] = 1024,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, beta_1, beta_2, refresh_period, block_size, **kwargs)
        self.epsilon = epsilon
        self.initial_eigenvalue = initial_eigenvalue
        self.stacked = (*self.stacked, "left_eigenvalues", "right_eigenvalues")

    def init(self, x: Tensor) -> Slots:
        if not is_matrix(x):
            return {"velocity": ops.zeros_like(x)}
        slots = super().init(x)
        for side in SIDES:
            start = slots[f"{side}_statistic"][..., 0]
            slots[f"{side}_eigenvalues"] = start + max(self.initial_eigenvalue, least(start))
        return slots

    def scaled(self, g: Tensor, s: Slots, t: Tensor) -> tuple[Tensor, Slots]:
        rows, columns = s["left_eigenvalues"][..., :, None], s["right_eigenvalues"][..., None, :]
        down, across = transposed(s["left_basis"]) @ g, g @ s["right_basis"]
        both = transposed(s["left_basis"]) @ across
        m = ema(s["momentum"], both, self.beta_1)
        # The first statistics of a block are those of Shampoo.
        begun = ops.any(s["left_basis"] != 0.0, axis=(-1, -2), keepdims=True)
        one, other = across / ops.sqrt(columns), down / ops.sqrt(rows)
        one, other = ops.where(begun, one, g), ops.where(begun, other, g)
        new = {}
        for name, a in (("left_statistic", one), ("right_statistic", transposed(other))):
            share = (1.0 - self.beta_2) / a.shape[-1]
            new[name] = plus_product(self.beta_2, s[name], share, a, transposed(a))
        powers = {
            "left_eigenvalues": mean((both / ops.sqrt(columns)) ** 2, axis=-1)[..., 0],
            "right_eigenvalues": mean((both / ops.sqrt(rows)) ** 2, axis=-2)[..., 0, :],
        }
        for name, value in powers.items():
            followed = ema(s[name], value, self.beta_2)
            new[name] = ops.where(begun[..., 0], larger(followed, least(value)), s[name])
        # Two roots, because the product of two eigenvalues may overflow.
        return m / (ops.sqrt(rows) * ops.sqrt(columns) + self.epsilon), {"momentum": m, **new}

    def vector(self, g: Tensor, s: Slots, t: Tensor) -> tuple[Tensor, Slots]:
        m, v = ema(s["momentum"], g, self.beta_1), ema(s["velocity"], g * g, self.beta_2)
        share, denominator = unbiased_root(v, self.beta_2, t, self.epsilon)
        return unbias(share, self.beta_1, t) * m / denominator, {"momentum": m, "velocity": v}


def least(eigenvalues: Tensor) -> float:
    """Return the smallest eigenvalue that is allowed, from the number of them."""
    return float(max(10, min(eigenvalues.shape[-1], 4000))) ** -2
