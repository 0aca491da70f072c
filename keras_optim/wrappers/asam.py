"""ASAM: sharpness-aware minimisation that does not depend on the scale of the weights."""

from typing import Unpack

from keras import ops

from keras_optim.arguments.ranges import NonNegative, WrapperOptions
from keras_optim.optimizer import Optimizer, Tensor
from keras_optim.wrappers.sharpness import SharpnessAware


class ASAM(SharpnessAware):
    r"""SAM whose ball is long where weights are large.

    $$
    e = \rho\, \frac{T^2 \nabla L(x)}{\|T\, \nabla L(x)\| + 10^{-12}}, \qquad
    g = \nabla L(x + e), \qquad x \leftarrow \text{inner step from } x \text{ with } g
    $$

    with $T = |x| + \eta$ for variables of two axes or more, and 1 for biases and other vectors, as
    in the authors' code. A network with one layer doubled and the next one halved computes the
    same, but SAM sees another sharpness; here it is the same. It needs the same line before `fit`
    as `SAM`, `keras_optim.two_pass(model)`, and a radius about ten times that of SAM.

    Args:
        inner: An optimizer of keras_optim, not built.
        rho: >= 0, $\rho$, the radius. Default 0.5.
        eta: >= 0, $\eta$: the smallest $T$. Default 0.01.
        **kwargs: Options of every optimizer that `inner` does not set, see
            `keras_optim.Optimizer`.

    Raises:
        ValueError: at the first step, if nobody computes second gradients.

    Example: of two weights with the same gradient, the offset of the larger one is four times as
    long.

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([[2.0, 1.0]])
    >>> seen = []
    >>> def gradients():
    ...     seen.append(x.numpy())
    ...     return [keras.ops.ones((1, 2))]
    >>> optimizer = keras_optim.ASAM(keras_optim.SGD(0.1), rho=0.5, eta=0.0)
    >>> optimizer.apply(gradients(), [x], second=gradients)
    >>> print((seen[1] - seen[0]).round(4))
    [[0.8944 0.2236]]

    Reference:
        Kwon et al., "ASAM: adaptive sharpness-aware minimization for scale-invariant learning of
        deep neural networks", ICML 2021, https://arxiv.org/abs/2102.11600
    """

    def __init__(
        self,
        inner: Optimizer,
        rho: NonNegative = 0.5,
        eta: NonNegative = 0.01,
        **kwargs: Unpack[WrapperOptions],
    ):
        super().__init__(inner, **kwargs)
        self.rho = rho
        self.eta = eta

    def stretched(self, v: Tensor, x: Tensor) -> Tensor:
        return (ops.abs(x) + self.eta) * v if len(x.shape) > 1 else v
