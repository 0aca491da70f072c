"""Gradient centralisation: gradients without the mean of each unit."""

from keras_optim.numerics import mean
from keras_optim.optimizer import Slots, Tensor
from keras_optim.wrappers.wrapper import GradientTransform


class Centralization(GradientTransform):
    r"""Subtract from the gradient its mean over the inputs of each unit.

    $$
    g_{\cdot j} \leftarrow g_{\cdot j} - \operatorname{mean}(g_{\cdot j})
    \qquad \text{for each unit } j \text{, if } g \text{ has two axes or more}
    $$

    The weights of a unit then keep their sum, which regularises and smooths the loss; it costs
    nothing and has nothing to tune. Made for convolutions and dense layers with normalisation.

    A unit is an index of the last axis: the output of Keras's dense and convolution kernels. (In
    PyTorch's layout that is the first axis, so this is the authors' code, transposed.) Biases and
    other vectors stay as they are. For an embedding it is the column, over the whole vocabulary.

    Args:
        inner: An optimizer of keras_optim, not built.
        **kwargs: Options of every optimizer that `inner` does not set, see
            `keras_optim.Optimizer`.

    Example:

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([[1.0], [1.0]])
    >>> optimizer = keras_optim.Centralization(keras_optim.SGD(0.5))
    >>> optimizer.apply([np.array([[1.0], [3.0]], "float32")], [x])
    >>> print(x.numpy().ravel())
    [1.5 0.5]

    Reference:
        Yong et al., "Gradient centralization: a new optimization technique for deep neural
        networks", ECCV 2020, https://arxiv.org/abs/2004.01461
    """

    elementwise = False

    def transform(self, g: Tensor, x: Tensor, s: Slots, t: Tensor) -> Tensor:
        axes = tuple(range(len(g.shape) - 1))
        return g - mean(g, axes) if axes else g
