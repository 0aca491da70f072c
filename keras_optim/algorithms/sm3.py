"""SM3: Adagrad in the memory of rows and columns."""

import functools
import itertools
from typing import Unpack

import numpy as np
from keras import ops

from keras_optim.arguments.ranges import Decay, Epsilon, KerasOptions, LearningRate
from keras_optim.numerics import ema, root, smaller
from keras_optim.optimizer import Optimizer, Slots, Tensor


class SM3(Optimizer):
    r"""Adagrad that keeps one number per row and column instead of one per weight.

    $$
    \begin{aligned}
    v_t(i,j) &= \min\{r_{t-1}(i),\, c_{t-1}(j)\} + g_t(i,j)^2, &
    r_t(i) &= \max_j v_t(i,j), \quad c_t(j) = \max_i v_t(i,j) \\
    m_t &= \mu\, m_{t-1} + (1-\mu)\, \frac{g_t}{\sqrt{v_t + \epsilon}}, &
    x_t &= x_{t-1} - \eta\, m_t
    \end{aligned}
    $$

    and so on for each axis of a tensor; for vectors it is Adagrad. An `n * m` matrix costs `n + m`
    numbers for the rates, which are never longer than Adagrad's. With `momentum=0` the state is
    next to nothing: for large embeddings and models that hardly fit. As the sum only grows, warm
    the rate up and leave it constant; try 0.1 to 0.5.

    SM3-II of the paper with covers by axes. In the paper $0/0 = 0$ without epsilon, which is here
    inside the root so that this holds. Keras has no SM3.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.1.
        momentum: In [0, 1), decay of the mean of the step; 0 keeps no state for it. Default 0.9.
        epsilon: >= 1e-30, inside the root. Default 1e-30.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: 2000 weights, 112 numbers.

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable(np.ones((2, 100, 10)))
    >>> optimizer = keras_optim.SM3(learning_rate=0.5, momentum=0.0)
    >>> optimizer.build([x])
    >>> [tuple(slot.shape) for slot in optimizer.state.slots[0].values()]
    [(2, 1, 1), (1, 100, 1), (1, 1, 10)]

    Reference:
        Anil, Gupta, Koren, Singer, "Memory-efficient adaptive optimization", NeurIPS 2019,
        https://arxiv.org/abs/1901.11150
    """

    memory = 1
    scale_invariant = True
    elementwise = False
    trial_variants = ({"momentum": 0.0},)

    def __init__(
        self,
        learning_rate: LearningRate = 0.1,
        momentum: Decay = 0.9,
        epsilon: Epsilon = 1e-30,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, **kwargs)
        self.momentum = momentum
        self.epsilon = epsilon
        self.slots = ("momentum",) if momentum else ()

    def init(self, x: Tensor) -> Slots:
        if not has_axes(x):
            return {"accumulator": ops.zeros_like(x)}
        axes = range(len(x.shape))
        shapes = [[n if a == b else 1 for b in axes] for a, n in enumerate(x.shape)]
        return {f"accumulator_{a}": ops.zeros(shape, x.dtype) for a, shape in enumerate(shapes)}

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        v, new = self.cover(g, s)
        step = g / root(v, self.epsilon, inside=True)
        if not self.momentum:
            return -lr * step, new
        m = ema(s["momentum"], step, self.momentum)
        return -lr * m, {**new, "momentum": m}

    def cover(self, g: Tensor, s: Slots) -> tuple[Tensor, Slots]:
        """The bound of each weight's sum of squares, and its largest value along each axis."""
        if not has_axes(g):
            v = s["accumulator"] + g * g
            return v, {"accumulator": v}
        names = [f"accumulator_{a}" for a in range(len(g.shape))]
        v = functools.reduce(smaller, [s[name] for name in names]) + g * g
        others = [[b for b in range(len(names)) if b != a] for a in range(len(names))]
        return v, {n: ops.max(v, o, keepdims=True) for n, o in zip(names, others, strict=True)}

    def read_older(self, slots: Slots, shape: tuple[int, ...]) -> Slots:
        """The bounds of all axes stood one after the other in one slot."""
        if len(shape) < 2 or 0 in shape or "accumulator" not in slots:
            return slots
        slots, ends = dict(slots), list(itertools.accumulate(shape))
        parts = np.split(slots.pop("accumulator"), ends[:-1])
        return slots | {f"accumulator_{a}": part for a, part in enumerate(parts)}


def has_axes(x: Tensor) -> bool:
    """Whether `x` has rows and columns to keep bounds of, rather than of each weight."""
    return len(x.shape) > 1 and 0 not in x.shape
