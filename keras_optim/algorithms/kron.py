"""Kron: PSGD with a Kronecker factor for each side of a matrix."""

from typing import Annotated, Any, Unpack

from keras import ops

from keras_optim.algorithms.kron_factors import (
    Diagonal,
    Triangular,
    in_units,
    root_mean_square,
)
from keras_optim.arguments.ranges import (
    Decay,
    KerasOptions,
    LearningRate,
    Period,
    Positive,
    Range,
)
from keras_optim.engine.distribution import on_whole_tensors
from keras_optim.matrix import block_shape, blocks, is_matrix, joined
from keras_optim.numerics import either, ema, smaller, unbias
from keras_optim.optimizer import Optimizer, Slots, Tensor


class Kron(Optimizer):
    r"""Whiten the momentum by two triangular factors, which are learnt by gradient steps.

    $$
    \begin{aligned}
    \hat M_t &= \frac{\beta M_{t-1} + (1-\beta)\, G_t}{1 - \beta^t}, \qquad
    A = Q_L \hat M_t\, Q_R^\top, \qquad D_L = \lVert Q_R^{-1} \rVert^2\, Q_L^{-\top} Q_L^{-1} \\
    Q_L &\leftarrow Q_L - \frac{\mu}{\lVert A A^\top + D_L \rVert}
    \operatorname{triu}(A A^\top - D_L)\, Q_L, \qquad
    X_t = X_{t-1} - \eta \operatorname{clip}(Q_L^\top Q_L \hat M_t\, Q_R^\top Q_R)
    \end{aligned}
    $$

    and likewise for $Q_R$, in each of the first `dense_steps` steps and then in every
    `refresh_period`-th one. The factors come to rest about where the mean of $A A^\top$ is that of
    noise, so the step has nearly the same size in all directions. No roots or eigenvectors are
    computed. The step is scaled down where its root mean square is above `clip_threshold`. Scalars
    and vectors, whose factor is diagonal, move nearly by the sign of the momentum.

    $D_L$ is the expectation of $B B^\top$ over normal noise $V$, for $B = Q_L^{-\top} V Q_R^{-1}$.
    The paper and other libraries draw $V$ at each step, choose the steps at random and balance the
    factors now and then. Here nothing is random: a path can be repeated, and is the same on each
    backend. At first $Q^\top Q$ makes the first momentum one of root mean square 1, so the scale of
    the loss has no influence; elsewhere factors begin at the identity. Keras has no Kron.

    Args:
        learning_rate: >= 0, or a schedule. About a third of Adam's. Default 0.0003.
        beta: In [0, 1), decay of the mean of the gradient. Default 0.9.
        factor_rate: In (0, 0.5], $\mu$: rate of the factors. Default 0.1.
        clip_threshold: > 0, the bound of the root mean square of a step. Default 1.1.
        dense_steps: >= 0, how many of the first steps all learn the factors. Default 500.
        refresh_period: Steps from one step of the factors to the next after that, >= 1. Default 10.
        block_size: The largest number of rows or columns of a block, >= 1. Default 1024.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: the factors learn to make steps of 1 from gradients of any scale.

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([0.0, 0.0])
    >>> optimizer = keras_optim.Kron(1.0, clip_threshold=10.0)
    >>> for t in range(200):
    ...     _ = x.assign([0.0, 0.0])
    ...     optimizer.apply([np.array([3000.0, -2000.0], "float32")], [x])
    >>> print(x.numpy().round(3))
    [-1.  1.]

    Reference:
        Li, "Preconditioned stochastic gradient descent", IEEE TNNLS 29(5), 2018,
        https://arxiv.org/abs/1512.04202; Pooladzandi, Li, "Curvature-informed SGD via general
        purpose Lie-group preconditioners", 2024, https://arxiv.org/abs/2402.04553
    """

    slots = ("momentum",)
    exact_slots = ("factor", "left_factor", "right_factor")
    memory = 3
    scale_invariant = True
    elementwise = False
    no_kernel = "products and inverses of matrices"

    def __init__(
        self,
        learning_rate: LearningRate = 3e-4,
        beta: Decay = 0.9,
        factor_rate: Annotated[float, Range(0, 0.5, open="left")] = 0.1,
        clip_threshold: Positive = 1.1,
        dense_steps: Annotated[int, Range(0)] = 500,
        refresh_period: Period = 10,
        block_size: Annotated[int, Range(1)] = 1024,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, **kwargs)
        self.beta = beta
        self.factor_rate = factor_rate
        self.clip_threshold = clip_threshold
        self.dense_steps = dense_steps
        self.refresh_period = refresh_period
        self.block_size = block_size

    def init(self, x: Tensor) -> Slots:
        if not is_matrix(x):
            return {"factor": ops.ones_like(x)}
        down, across, height, width = block_shape(tuple(x.shape), self.block_size)
        return {
            name: ops.zeros((down * across, n, n), x.dtype) + ops.eye(n, dtype=x.dtype)
            for name, n in (("left_factor", height), ("right_factor", width))
        }

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        direction, new = self.directed(g, s, t)
        return -lr * direction, new

    @on_whole_tensors
    def directed(self, g: Tensor, s: Slots, t: Tensor) -> tuple[Tensor, Slots]:
        """Return the direction of a variable, and its new slots."""
        m = ema(s["momentum"], g, self.beta)
        unbiased = unbias(m, self.beta, t)
        side: type[Diagonal] | type[Triangular] = Diagonal
        if is_matrix(g):
            unbiased, side = blocks(unbiased, self.block_size), Triangular
        old = {name: s[name] for name in side.names}
        if 0 in g.shape:
            return ops.zeros_like(g), {"momentum": m, **old}
        unit, size = in_units(unbiased, side.axes)
        rms = size * root_mean_square(unit, side.axes)
        scale = ops.where(rms > 0.0, rms, ops.ones_like(rms)) ** (-0.5 / len(old))
        old = {name: ops.where(t == 1, scale * q, q) for name, q in old.items()}
        due = ops.logical_or(t <= self.dense_steps, t % self.refresh_period == 0)
        new = either(due, lambda: self.learnt(side, old, unit, size), lambda: old, list(old))
        step = side.whitened(unit, size, *new.values())
        if is_matrix(g):
            step = joined(step, tuple(g.shape), self.block_size)
        unit, size = in_units(step, None)
        longest = size * root_mean_square(unit, None)
        share = smaller(self.clip_threshold / (longest + 1e-6), 1.0)
        return share * step, {"momentum": m, **new}

    def learnt(self, side: Any, old: Slots, unit: Tensor, size: Tensor) -> Slots:
        """Return the factors after a step, unless there is no momentum to learn from."""
        new = side.learnt(unit, size, self.factor_rate, *old.values())
        return {
            name: ops.where(size > 0.0, value, old[name])
            for name, value in zip(old, new, strict=True)
        }
