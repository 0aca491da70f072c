"""DiffGrad: Adam that brakes where the gradient stops changing."""

from keras import ops

from keras_optim.algorithms.moments import Moments
from keras_optim.numerics import unbias, unbiased_root
from keras_optim.optimizer import Slots, Tensor


class DiffGrad(Moments):
    r"""Adam times a friction, from how much the gradient has changed.

    $$
    \xi_t = \frac{1}{1 + e^{-|g_{t-1} - g_t|}}, \qquad
    x_t = x_{t-1} - \eta\, \xi_t\, \frac{\hat m_t}{\sqrt{\hat v_t} + \epsilon}
    $$

    with $\hat m_t$, $\hat v_t$ as in Adam and $g_0 = 0$. Where the gradient is steady
    $\xi = 1/2$, where it changes by much more than 1, $\xi = 1$. It depends so on the scale of the
    loss, as Adam does not: with gradients well below 1 it is Adam at half the rate. One slot more.

    As the paper. The authors' code and pytorch-optimizer add epsilon before the correction of `v`.
    Keras has no DiffGrad.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.001.
        beta_1: In [0, 1), decay of the mean of the gradient. Default 0.9.
        beta_2: In [0, 1), decay of the mean of its square. Default 0.999.
        epsilon: >= 1e-30, added to the root. Default 1e-8.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: the first gradient is new, the second is no news.

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([0.0])
    >>> optimizer = keras_optim.DiffGrad(learning_rate=0.1)
    >>> for _ in range(2):
    ...     optimizer.apply([np.array([-100.0], "float32")], [x])
    ...     print(x.numpy().round(4))
    [0.1]
    [0.15]

    Reference:
        Dubey et al., "diffGrad: an optimization method for convolutional neural networks", IEEE
        TNNLS 2020, https://arxiv.org/abs/1909.11015
    """

    slots = ("momentum", "velocity", "gradient")
    memory = 3

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        m, v = self.averages(g, s)
        friction = 1.0 / (1.0 + ops.exp(-ops.abs(s["gradient"] - g)))
        share, denominator = unbiased_root(v, self.beta_2, t, self.epsilon)
        change = -unbias(lr * share, self.beta_1, t) * friction * m / denominator
        return change, {"momentum": m, "velocity": v, "gradient": g}
