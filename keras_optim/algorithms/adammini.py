"""AdamMini: Adam with one second moment for each block of weights."""

from collections.abc import Sequence
from typing import Literal, Unpack

from keras import ops

from keras_optim.algorithms.moments import Moments
from keras_optim.arguments.ranges import Decay, Epsilon, KerasOptions, LearningRate
from keras_optim.contract import VariableSpec
from keras_optim.numerics import ema, mean, unbias, unbiased_root
from keras_optim.optimizer import Slots, Tensor
from keras_optim.trees import Tree
from keras_optim.variables.paths import first_matches
from keras_optim.variables.patterns import Pattern

Kind = Literal["weight", "column", "row", "head", "tensor"]
DEFAULTS: tuple[tuple[str, int, Kind], ...] = (
    (r"bias$", 1, "weight"),
    (r"embeddings$", 2, "row"),
    (r"(query|key)/kernel$", 3, "head"),
    (r"attention_output/kernel$", 3, "column"),
    (r"kernel$", 2, "column"),
)
"""Patterns of paths, the number of axes (of biases any), and the blocks."""


class AdamMini(Moments):
    r"""Adam that keeps one number for each block of weights, in place of a second moment each.

    $$
    \begin{aligned}
    m_t &= \beta_1 m_{t-1} + (1-\beta_1)\, g_t, \qquad
    v_{t,b} = \beta_2 v_{t-1,b} + (1-\beta_2) \operatorname{mean}(g_{t,b}^2) \\
    x_{t,b} &= x_{t-1,b} - \eta\, \frac{\hat m_{t,b}}{\sqrt{\hat v_{t,b}} + \epsilon}
    \qquad \text{for each block } b
    \end{aligned}
    $$

    with the bias corrections of Adam. Weights whose curvature is alike can share a rate; blocks
    that follow the Hessian's do as well as Adam in the paper's language models, with half of its
    state and the same settings (`beta_2=0.95`, `weight_decay=0.1` there). The default blocks:

    - kernels of dense, recurrent and `attention_output` layers: each column, which is an output;
    - kernels of `query` and `key` in attention layers, (inputs, heads, size): each head;
    - kernels of `value` there: each output of each head;
    - `embeddings`: each row; biases: each weight, as in Adam;
    - all others (convolutions, normalisation): the whole variable.

    The authors find the same partition by PyTorch's names; kernels are transposed there.
    pytorch-optimizer's rounds gradients to single precision. Keras and optax have no Adam-mini.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.001.
        beta_1: In [0, 1), decay of the mean of the gradient. Default 0.9.
        beta_2: In [0, 1), decay of the mean of its square. Default 0.999.
        epsilon: >= 1e-30, added to the root. Default 1e-8.
        blocks: A dict from patterns, searched for in the paths, to `"weight"`, `"column"` (an index
            of the last axis), `"row"` (of the first), `"head"` (of the last but one) or `"tensor"`;
            the first that is found counts, and before the partition above. Vectors have blocks of
            one weight, or one block. Default `None`.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Raises:
        ValueError: when it is built, for a pattern that matches no variable.

    Example: second moments of an attention layer with 3 heads of size 2.

    >>> import keras, keras_optim
    >>> layer = keras.layers.MultiHeadAttention(3, 2, use_bias=False)
    >>> layer.build((None, 4, 6), (None, 4, 6))
    >>> optimizer = keras_optim.AdamMini()
    >>> optimizer.build(layer.trainable_variables)
    >>> [tuple(slots["velocity"].shape) for slots in optimizer.state.slots]
    [(1, 3, 1), (1, 3, 1), (1, 3, 2), (1, 1, 6)]

    Reference:
        Zhang et al., "Adam-mini: use fewer learning rates to gain more", ICLR 2025,
        https://arxiv.org/abs/2406.16793
    """

    memory = 1
    scale_invariant = True
    elementwise = False
    trial_arguments = {"blocks": {".": "column"}}
    trial_variants = ({"blocks": None},)

    def __init__(
        self,
        learning_rate: LearningRate = 1e-3,
        beta_1: Decay = 0.9,
        beta_2: Decay = 0.999,
        epsilon: Epsilon = 1e-8,
        blocks: dict[str, Kind] | None = None,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **kwargs)
        self.blocks = blocks

    def constants(self, variables: Sequence[VariableSpec]) -> list[Tree]:
        given = self.blocks or {}
        paths = [variable.path for variable in variables]
        found = first_matches(given, paths, type(self).__name__, "blocks")
        axes = [
            axes_of(given[p], len(v.shape)) if isinstance(p, str) else default_axes(v)
            for v, p in zip(variables, found, strict=True)
        ]
        own = super().constants(variables)
        return [{**c, "averaged": a} for c, a in zip(own, axes, strict=True)]

    def slot_starts(self, x: Tensor, constants: Tree) -> Tree:
        averaged = constants["averaged"]
        shape = [1 if i in averaged else n for i, n in enumerate(x.shape)]
        return {"momentum": None, "velocity": ops.zeros(shape, x.dtype)}

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        square = g * g
        if s["averaged"]:
            square = mean(square, s["averaged"])
        m, v = ema(s["momentum"], g, self.beta_1), ema(s["velocity"], square, self.beta_2)
        share, denominator = unbiased_root(v, self.beta_2, t, self.epsilon)
        change = -unbias(lr * share, self.beta_1, t) * m / denominator
        return change, {"momentum": m, "velocity": v}


def axes_of(kind: str, rank: int) -> tuple[int, ...]:
    """The axes over which squares are averaged."""
    if kind == "tensor":
        return tuple(range(rank))
    if kind == "weight" or rank < 2:
        return ()
    own = {"row": 0, "column": rank - 1, "head": rank - 2}[kind]
    return tuple(i for i in range(rank) if i != own)


def default_axes(variable: VariableSpec) -> tuple[int, ...]:
    """Those of the partition for Keras's layers."""
    rank = len(variable.shape)
    if rank == 3 and Pattern("value/kernel$").among([variable.path]):
        return (0,)
    for pattern, axes, kind in DEFAULTS:
        if (axes == rank or kind == "weight") and Pattern(pattern).among([variable.path]):
            return axes_of(kind, rank)
    return axes_of("tensor", rank)
