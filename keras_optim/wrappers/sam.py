"""SAM: sharpness-aware minimisation."""

from typing import Unpack

from keras_optim.arguments.ranges import NonNegative, WrapperOptions
from keras_optim.optimizer import Optimizer
from keras_optim.wrappers.sharpness import SharpnessAware


class SAM(SharpnessAware):
    r"""Step with the gradient at the worst weights near by, so that minima are flat.

    $$
    e = \rho\, \frac{\nabla L(x)}{\|\nabla L(x)\| + 10^{-12}}, \qquad
    g = \nabla L(x + e), \qquad x \leftarrow \text{inner step from } x \text{ with } g
    $$

    The norm is that of all variables together. Each step takes two gradients of the same batch, so
    it costs about twice as much. The second one needs a line before `fit`:

        keras_optim.two_pass(model)

    In a training loop of your own, write `optimizer.apply(gradients, variables, second=function)`.
    Here `function()` returns the gradients at the weights that the variables have when it is
    called; `keras_optim.two_passes` makes one that draws the same dropout masks. Afterwards the
    variables hold $x$ again, and the inner step starts there. A rate that suits the inner optimizer
    suits here as well.

    Clipping, weight decay, accumulation and the rule inside work on the second gradient; the offset
    follows from the first one as it is. With `gradient_accumulation_steps` each batch has an offset
    of its own.

    Args:
        inner: An optimizer of keras_optim, not built.
        rho: >= 0, $\rho$, the radius. Default 0.05. The paper tries 0.01 to 0.5.
        **kwargs: Options of every optimizer that `inner` does not set, see
            `keras_optim.Optimizer`.

    Raises:
        ValueError: at the first step, if nobody computes second gradients.

    Example: the gradient of x⁴ at 1 is 4, at 1.1 it is 5.324.

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([1.0])
    >>> optimizer = keras_optim.SAM(keras_optim.SGD(0.1), rho=0.1)
    >>> def gradients():
    ...     return [4 * keras.ops.convert_to_tensor(x) ** 3]
    >>> optimizer.apply(gradients(), [x], second=gradients)
    >>> print(x.numpy().round(4))
    [0.4676]

    Reference:
        Foret et al., "Sharpness-aware minimization for efficiently improving generalization",
        ICLR 2021, https://arxiv.org/abs/2010.01412
    """

    def __init__(self, inner: Optimizer, rho: NonNegative = 0.05, **kwargs: Unpack[WrapperOptions]):
        super().__init__(inner, **kwargs)
        self.rho = rho
