"""Shampoo: gradients whitened by the statistics of their rows and columns."""

from typing import Annotated, Literal, Unpack

from keras import ops

from keras_optim.algorithms.blockwise import Blockwise, Directed
from keras_optim.arguments.ranges import (
    Decay,
    Epsilon,
    Fraction,
    KerasOptions,
    LearningRate,
    Period,
    Range,
)
from keras_optim.matrix import block_shape, inverse_root, is_matrix, length, transposed
from keras_optim.numerics import bounded, ema, every, unbias, unbiased_root
from keras_optim.optimizer import Slots, Tensor
from keras_optim.tensors import plus_product


class Shampoo(Blockwise):
    r"""Whiten the gradient of each matrix from both sides; its length comes from Adam.

    $$
    \begin{aligned}
    L_t &= \beta_2 L_{t-1} + (1-\beta_2)\, G_t G_t^\top, \qquad
    R_t = \beta_2 R_{t-1} + (1-\beta_2)\, G_t^\top G_t \\
    D_t &= (\hat L_t + \epsilon I)^{-1/4}\, \hat M_t\, (\hat R_t + \epsilon I)^{-1/4}, \qquad
    X_t = X_{t-1} - \eta\, \frac{\lVert A_t \rVert}{\lVert D_t \rVert}\, D_t
    \end{aligned}
    $$

    with $\hat M_t$ the corrected mean of the gradient as in Adam, and $A_t$ the direction of Adam,
    whose rates it therefore takes ("grafting"). With $\beta_2 = 1$ the statistics are sums, as in
    the paper. A step costs matrix products, and in every `refresh_period`-th one two roots of each
    block. The authors' distributed version won the external-tuning track of AlgoPerf in 2024.

    A kernel is the matrix of its inputs and outputs, cut into blocks of at most `block_size`, each
    with a length of its own. Scalars and vectors follow the graft, or the mean of the gradient.

    The authors' distributed version has a statistic for each axis of a kernel, and an epsilon of
    its own for the graft. `grafting=None`, `beta_1=0`, `beta_2=1`, `start_step=1` and
    `refresh_period=1` are the algorithm of the paper. Keras has no Shampoo.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.001.
        beta_1: In [0, 1), decay of the mean of the gradient. Default 0.9.
        beta_2: In [0, 1], decay of the statistics; 1: their sums. Default 0.999.
        epsilon: >= 1e-30, added to the eigenvalues, and to the root of the graft. Default 1e-12.
        refresh_period: Steps from one computation of the roots to the next, >= 1. Default 10.
        start_step: The first step that is whitened, and the first for which roots are computed,
            >= 1. Earlier ones are those of the graft. Default 10.
        block_size: The largest number of rows or columns of a block, >= 1. Default 1024.
        root_method: How roots are computed: `"eigh"`, by eigenvalues, or `"newton"`, by the coupled
            Newton iteration: products of matrices alone, for TPUs and GPUs. In single precision
            its roots of badly conditioned statistics are rougher. Default `eigh`.
        grafting: Where lengths are from: `"adam"`, `"sgd"` (the mean of the gradient), or `None`:
            as they are. Default `adam`.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: one step without grafting is the nearest orthogonal matrix, here of a rotation.

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable(np.zeros((2, 2), "float32"))
    >>> optimizer = keras_optim.Shampoo(1.0, start_step=1, grafting=None)
    >>> optimizer.apply([np.array([[0.0, -3.0], [2.0, 0.0]], "float32")], [x])
    >>> print(x.numpy().round(3))
    [[ 0.  1.]
     [-1.  0.]]

    Reference:
        Gupta, Koren, Singer, "Shampoo: preconditioned stochastic tensor optimization", ICML 2018,
        https://arxiv.org/abs/1802.09568; Shi et al., "A distributed data-parallel PyTorch
        implementation of the distributed Shampoo optimizer", 2023, https://arxiv.org/abs/2309.06497
    """

    memory = 6
    scale_invariant = True
    stacked = exact_slots = ("left_statistic", "right_statistic", "left_root", "right_root")
    no_kernel = "products and roots of matrices"
    trial_arguments = {"start_step": 2, "refresh_period": 2}
    trial_variants = ({"grafting": None},)

    def __init__(
        self,
        learning_rate: LearningRate = 1e-3,
        beta_1: Decay = 0.9,
        beta_2: Fraction = 0.999,
        epsilon: Epsilon = 1e-12,
        refresh_period: Period = 10,
        start_step: Period = 10,
        block_size: Annotated[int, Range(1)] = 1024,
        root_method: Literal["eigh", "newton"] = "eigh",
        grafting: Literal["adam", "sgd"] | None = "adam",
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.refresh_period = refresh_period
        self.start_step = start_step
        self.block_size = block_size
        self.root_method = root_method
        self.grafting = grafting
        self.slots = ("momentum", "velocity") if grafting == "adam" else ("momentum",)
        self.shaped = self.slots

    def init(self, x: Tensor) -> Slots:
        if not is_matrix(x):
            return {}
        down, across, height, width = block_shape(tuple(x.shape), self.block_size)
        return {
            f"{side}_{kind}": ops.zeros((down * across, n, n), x.dtype)
            for side, n in (("left", height), ("right", width))
            for kind in ("statistic", "root")
        }

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        direction, new = self.directed(g, s, t)
        return -lr * direction, new

    def vector(self, g: Tensor, s: Slots, t: Tensor) -> Directed:
        graft, _, new = self.grafted(g, s, t)
        return graft, new

    def grafted(self, g: Tensor, s: Slots, t: Tensor) -> tuple[Tensor, Tensor, Slots]:
        """Return the direction whose length counts, the mean of the gradient, and new slots."""
        m = ema(s["momentum"], g, self.beta_1)
        mean, new = unbias(m, self.beta_1, t), {"momentum": m}
        if self.grafting != "adam":
            return mean, mean, new
        new["velocity"] = self.statistic(s["velocity"], g * g)
        return bounded(self.scaled(mean, new["velocity"], t)), mean, new

    def stepped(self, g: Tensor, s: Slots, t: Tensor) -> Directed:
        graft, mean, new = self.grafted(g, s, t)
        decay, share = (1.0, 1.0) if self.beta_2 == 1.0 else (self.beta_2, 1.0 - self.beta_2)
        for side, a in zip(SIDES, (g, transposed(g)), strict=True):
            name = f"{side}_statistic"
            new[name] = plus_product(decay, s[name], share, a, transposed(a))
        roots = every(
            self.refresh_period,
            self.start_step,
            t,
            lambda: {f"{side}_root": self.root(new[f"{side}_statistic"], t) for side in SIDES},
            {f"{side}_root": s[f"{side}_root"] for side in SIDES},
        )
        step = roots["left_root"] @ mean @ roots["right_root"]
        if self.grafting:
            step = step * (length(graft) / (length(step) + TINY))
        return ops.where(t < self.start_step, graft, bounded(step)), {**new, **roots}

    def statistic(self, old: Tensor, square: Tensor) -> Tensor:
        """Return the sum or the mean of squares, with one more."""
        return old + square if self.beta_2 == 1.0 else ema(old, square, self.beta_2)

    def root(self, statistic: Tensor, t: Tensor) -> Tensor:
        """Return the inverse fourth root of a statistic, corrected as Adam's second moment is."""
        if self.beta_2 != 1.0:
            statistic = unbias(statistic, self.beta_2, t)
        return inverse_root(statistic, 4, self.epsilon, self.root_method)

    def scaled(self, mean: Tensor, v: Tensor, t: Tensor) -> Tensor:
        """Return the direction of Adam, or of Adagrad if squares are summed."""
        if self.beta_2 == 1.0:
            return mean / (ops.sqrt(v) + self.epsilon)
        share, denominator = unbiased_root(v, self.beta_2, t, self.epsilon)
        return share * mean / denominator


SIDES, TINY = ("left", "right"), 1e-16
