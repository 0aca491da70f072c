"""Rows of an embedding that were not looked up wait, with all their state."""

from collections.abc import Sequence
from typing import Unpack

from keras import ops

from keras_optim.arguments.ranges import WrapperOptions
from keras_optim.contract import VariableSpec, layers
from keras_optim.engine.sparse_rows import LAZY
from keras_optim.optimizer import Optimizer, Slots, Tensor
from keras_optim.trees import Tree, chosen
from keras_optim.variables.paths import first_matches
from keras_optim.wrappers.wrapper import Wrapper


class LazyRows(Wrapper):
    r"""Update only those rows of a variable that have a gradient.

    $$
    (x_r, s_r) \leftarrow \begin{cases} \text{inner step} & g_r \neq 0 \\
    (x_r, s_r) & \text{otherwise} \end{cases} \qquad \text{for each row } r
    $$

    A batch looks up few rows of a large embedding. Adam and its kin move all of them in each step,
    by the momentum of batches long ago, and weight decay shrinks them all. That costs time in
    proportion to the vocabulary and makes rare words drift. Here a row without a gradient keeps
    its weights and moments, and does not decay. Bias corrections count all steps as before. It is
    a different algorithm than the inner one, often as good, sometimes better on rare words.

    A sparse gradient comes on TensorFlow from `keras.layers.Embedding` by itself, on PyTorch from
    `sparse=True`, on JAX as a `BCOO`. Then only its rows are read and written, so the time hardly
    grows with the variable. On PyTorch a dense gradient is searched for rows that are not zero, at
    the cost of one pass over it. On JAX `fit` has dense gradients, and the step takes as long as
    the inner one. The result is the same in each case. An option that looks at the whole gradient
    (clipping, accumulation, `loss_scale_factor`), a callback that records its norm, a wrapper
    around this one and `tf.distribute` make it dense first.

    Args:
        inner: An optimizer of keras_optim, not built, that treats each weight by itself: none
            with norms or means over a variable (LARS, Adafactor, ...).
        var_names: Regular expressions for the variables meant, searched for in their paths; `^` is
            the beginning of the path or of any part of it after a `/`. Others are updated as
            usual. Default `('embeddings',)`: those of Keras's `Embedding` layers.
        **kwargs: Options of every optimizer that `inner` does not set, see
            `keras_optim.Optimizer`.

    Raises:
        ValueError: `inner` does not treat each weight by itself; or, when it is built, a pattern
            matches no variable.

    Example:

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([[1.0], [1.0]], name="embeddings")
    >>> optimizer = keras_optim.LazyRows(keras_optim.SGD(0.1, momentum=0.9))
    >>> for gradient in ([[1.0], [0.0]], [[0.0], [1.0]]):
    ...     optimizer.apply([np.array(gradient, "float32")], [x])
    >>> print(x.numpy()[:, 0])
    [0.9 0.9]

    Reference:
        `tf.contrib.opt.LazyAdamOptimizer`, 2017; then `LazyAdam` in TensorFlow Addons.
    """

    by_rows = True
    around_averages = False
    trial_arguments = {"var_names": ["."]}

    def __init__(
        self,
        inner: Optimizer,
        var_names: tuple[str, ...] = ("embeddings",),
        **kwargs: Unpack[WrapperOptions],
    ):
        for rule in layers(inner):
            if not type(rule).elementwise:
                raise ValueError(
                    "LazyRows: `inner` must treat each weight by itself. "
                    f"Received: {type(rule).__name__}, which looks at whole variables"
                )
        super().__init__(inner, **kwargs)
        self.var_names = var_names

    def constants(self, variables: Sequence[VariableSpec]) -> list[Tree]:
        paths = [variable.path for variable in variables]
        found = first_matches(self.var_names, paths, type(self).__name__, "var_names")
        inner = super().constants(variables)
        return [{**c, LAZY: p is not None} for c, p in zip(inner, found, strict=True)]

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        inner = s["inner"]
        change, new = self.inner.step(g, x, inner, t, lr)
        if not s[LAZY]:
            return change, {"inner": new}
        there = ops.any(ops.not_equal(g, 0), axis=tuple(range(1, len(g.shape))), keepdims=True)
        kept = chosen(there, new, inner, names=self.inner.slot_starts(x, inner))
        return ops.where(there, change, ops.zeros_like(x)), {"inner": kept}
