"""Adaptive gradient clipping: relative to the weights, unit by unit."""

from collections.abc import Sequence
from typing import Unpack

from keras import ops

from keras_optim.arguments.ranges import Positive, WrapperOptions
from keras_optim.contract import VariableSpec
from keras_optim.numerics import larger
from keras_optim.optimizer import Optimizer, Slots, Tensor
from keras_optim.trees import Tree
from keras_optim.variables.paths import first_matches
from keras_optim.wrappers.wrapper import GradientTransform


class AdaptiveClipping(GradientTransform):
    r"""Clip the gradient of each unit to a share of the norm of its weights (AGC).

    $$
    g_j \leftarrow g_j \min\left(1, \lambda\, \frac{\max(\|x_j\|, \epsilon)}{\|g_j\|}\right)
    \qquad \text{for each unit } j
    $$

    Stability depends on how much a step changes the weights, not on how long the gradient is; so
    the threshold adapts to each unit. It lets networks without normalisation train with large
    batches. `clipping` 0.01 suits batches of 4096; up to 0.16 for small ones. The authors do
    not clip the last, classifying layer: name it in `exclude`.

    A unit is an index of the last axis, the output of Keras's dense and convolution kernels;
    vectors and scalars are one unit, as in the authors' code.

    Args:
        inner: An optimizer of keras_optim, not built.
        clipping: > 0, $\lambda$. Default 0.01.
        epsilon: > 0, $\epsilon$: lets weights that start at zero move. Default 0.001.
        exclude: A list of patterns, searched for in the paths of variables that are not clipped;
            `^` is the beginning of the path or of any part of it after a `/`. Default `None`.
        **kwargs: Options of every optimizer that `inner` does not set, see
            `keras_optim.Optimizer`.

    Raises:
        ValueError: when it is built, for a pattern that matches no variable.

    Example: weights of norm 5, so at most a gradient of norm 0.05.

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([3.0, 4.0])
    >>> optimizer = keras_optim.AdaptiveClipping(keras_optim.SGD(1.0))
    >>> optimizer.apply([np.array([0.0, 100.0], "float32")], [x])
    >>> print(x.numpy())
    [3.   3.95]

    Reference:
        Brock et al., "High-performance large-scale image recognition without normalization",
        ICML 2021, https://arxiv.org/abs/2102.06171
    """

    elementwise = False

    def __init__(
        self,
        inner: Optimizer,
        clipping: Positive = 0.01,
        epsilon: Positive = 1e-3,
        exclude: list[str] | None = None,
        **kwargs: Unpack[WrapperOptions],
    ):
        super().__init__(inner, **kwargs)
        self.clipping = clipping
        self.epsilon = epsilon
        self.exclude = exclude

    def constants(self, variables: Sequence[VariableSpec]) -> list[Tree]:
        paths = [variable.path for variable in variables]
        found = first_matches(self.exclude or (), paths, type(self).__name__, "exclude")
        inner = super().constants(variables)
        return [{**c, "clipped": p is None} for c, p in zip(inner, found, strict=True)]

    def transform(self, g: Tensor, x: Tensor, s: Slots, t: Tensor) -> Tensor:
        if not s["clipped"]:
            return g
        longest = self.clipping * larger(norm_by_unit(x), self.epsilon)
        return g * (longest / larger(norm_by_unit(g), longest))


def norm_by_unit(x: Tensor) -> Tensor:
    """Return the Euclidean norm over all axes but the last; of a vector or scalar, over all of it.

    >>> from keras import ops
    >>> norm_by_unit(ops.array([[3.0, 0.0], [4.0, 2.0]])).shape == (1, 2)
    True
    >>> float(norm_by_unit(ops.array([3.0, 4.0]))[0])
    5.0
    """
    rank = len(x.shape)
    axes = tuple(range(rank - 1)) if rank > 1 else tuple(range(rank))
    return ops.sqrt(ops.sum(ops.square(x), axis=axes, keepdims=True)) if axes else ops.abs(x)
