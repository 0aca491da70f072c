"""SOAP: Adam in the eigenbases of Shampoo's statistics."""

from typing import Annotated, Unpack

from keras import ops

from keras_optim.algorithms.eigenbasis import SIDES, Eigenbasis, statistics
from keras_optim.arguments.ranges import Decay, Epsilon, KerasOptions, LearningRate, Period, Range
from keras_optim.matrix import by_eigenvalue, columns, transposed, turned
from keras_optim.numerics import ema, unbias, unbiased_root
from keras_optim.optimizer import Slots, Tensor


class SOAP(Eigenbasis):
    r"""Adam, in the slowly turning eigenbases of the gradient's rows and columns.

    $$
    \begin{aligned}
    G'_t &= Q_L^\top G_t\, Q_R, \qquad
    M_t = \beta_1 M_{t-1} + (1-\beta_1)\, G'_t, \qquad
    V_t = \beta_2 V_{t-1} + (1-\beta_2)\, G'^2_t \\
    X_t &= X_{t-1} - \eta\, Q_L\, \frac{\hat M_t}{\sqrt{\hat V_t} + \epsilon}\, Q_R^\top \\
    L_t &= \beta_2 L_{t-1} + (1-\beta_2)\, G_t G_t^\top, \qquad
    R_t = \beta_2 R_{t-1} + (1-\beta_2)\, G_t^\top G_t
    \end{aligned}
    $$

    with the corrected means of Adam, and $Q_L$, $Q_R$ the eigenvectors of $L$ and $R$. The first
    gradient finds the bases and moves nothing. In every `refresh_period`-th step after it, a step
    of power iteration turns them: the columns are ordered by $q^\top L q$, then $L Q_L$ is made
    orthogonal by QR; $M$ is turned along, $V$ keeps its numbers. The bases may be older than
    Shampoo's roots, because $V$ follows in each step. Begin with a rate of Adam's, or up to 3
    times it.

    A kernel is the matrix of its inputs and outputs, cut into blocks of at most `block_size`.
    Scalars and vectors are stepped by Adam, one step late as well.

    The first statistics of a kernel that is not square have a null space, in which any basis is
    one of eigenvectors, and Adam depends on the basis. The authors' code takes that of the library
    for eigenvalues. Here it is the limit of a vanishing ridge $\operatorname{diag}(n, \dots, 1)$,
    and in later QRs a column without gradient keeps its direction. So all backends agree, and a
    row without gradient is left alone. Where statistics have full rank this changes nothing.

    Epsilon is added after the bias correction, as in `keras_optim.Adam`; in the authors' code
    before it. They leave an axis longer than 10000 as it is, instead of cutting it, and keep a
    statistic for each axis of a convolution. Keras has no SOAP.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.003.
        beta_1: In [0, 1), decay of the mean of the gradient. Default 0.95.
        beta_2: In [0, 1), decay of the mean of its square, and of the statistics. Default 0.95.
        epsilon: >= 1e-30, added to the root. Default 1e-8.
        refresh_period: Steps from one turn of the bases to the next, >= 1. Default 10.
        block_size: The largest number of rows or columns of a block, >= 1. Default 1024.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: the second step is the sign, in the eigenbasis, here that of a rotation.

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable(np.zeros((2, 2), "float32"))
    >>> optimizer = keras_optim.SOAP(1.0)
    >>> for _ in range(2):
    ...     optimizer.apply([np.array([[0.0, -3.0], [2.0, 0.0]], "float32")], [x])
    >>> print(x.numpy().round(3) + 0.0)
    [[ 0.  1.]
     [-1.  0.]]

    Reference:
        Vyas et al., "SOAP: improving and stabilizing Shampoo using Adam", ICLR 2025,
        https://arxiv.org/abs/2409.11321
    """

    slots = ("momentum", "velocity")
    rotated = slots
    memory = 6
    scale_invariant = True

    def __init__(
        self,
        learning_rate: LearningRate = 3e-3,
        beta_1: Decay = 0.95,
        beta_2: Decay = 0.95,
        epsilon: Epsilon = 1e-8,
        refresh_period: Period = 10,
        block_size: Annotated[int, Range(1)] = 1024,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, beta_1, beta_2, refresh_period, block_size, **kwargs)
        self.epsilon = epsilon

    def scaled(self, g: Tensor, s: Slots, t: Tensor) -> tuple[Tensor, Slots]:
        direction, new = self.adam(turned(g, s["left_basis"], s["right_basis"]), s, t)
        return direction, {**new, **statistics(g, s, self.beta_2)}

    def vector(self, g: Tensor, s: Slots, t: Tensor) -> tuple[Tensor, Slots]:
        return self.adam(ops.where(t > 1, g, ops.zeros_like(g)), s, t)

    def adam(self, g: Tensor, s: Slots, t: Tensor) -> tuple[Tensor, Slots]:
        """Return Adam's direction, and its slots; the first gradient, of zeros, is not counted."""
        count = ops.where(t > 1, t - 1, t)
        m, v = ema(s["momentum"], g, self.beta_1), ema(s["velocity"], g * g, self.beta_2)
        share, denominator = unbiased_root(v, self.beta_2, count, self.epsilon)
        return unbias(share, self.beta_1, count) * m / denominator, {"momentum": m, "velocity": v}

    def reordered(self, kept: Slots, new: Slots) -> Slots:
        orders = [by_eigenvalue(new[f"{side}_statistic"], kept[f"{side}_basis"]) for side in SIDES]
        bases = {
            f"{side}_basis": columns(kept[f"{side}_basis"], order)
            for side, order in zip(SIDES, orders, strict=True)
        }
        sorted_slots = {
            name: transposed(columns(transposed(columns(kept[name], orders[1])), orders[0]))
            for name in self.rotated
        }
        return {**bases, **sorted_slots}
