"""RAdam: Adam that starts as momentum, until its variance can be trusted."""

import math
from typing import Annotated, Unpack

from keras import ops

from keras_optim.algorithms.moments import Moments
from keras_optim.arguments.ranges import Decay, Epsilon, KerasOptions, LearningRate, Range
from keras_optim.numerics import bias, root, unbias
from keras_optim.optimizer import Slots, Tensor


class RAdam(Moments):
    r"""Adam with a warmup of its own, from the variance of its adaptive rate.

    $$
    \rho_\infty = \frac{2}{1-\beta_2} - 1, \qquad
    \rho_t = \rho_\infty - \frac{2 t \beta_2^t}{1-\beta_2^t}, \qquad
    r_t = \sqrt{\frac{(\rho_t-4)(\rho_t-2)\,\rho_\infty}{(\rho_\infty-4)(\rho_\infty-2)\,\rho_t}}
    $$
    $$
    x_t = x_{t-1} - \eta\, \hat m_t \begin{cases}
    r_t\, \sqrt{1-\beta_2^t}\, / (\sqrt{v_t} + \epsilon) & \rho_t > \text{threshold} \\
    1 & \text{otherwise} \end{cases}
    $$

    with $m_t$, $v_t$ as in Adam. In its first steps Adam divides by a variance estimated from a
    handful of gradients; RAdam takes plain momentum steps there and then eases in. Use it instead
    of Adam with a hand-made warmup. Note the first five steps are `rate * momentum` long, whatever
    the gradient's scale would suggest.

    The threshold is 5, as in the authors' code, `torch.optim.RAdam` and Addons; the paper's text
    has 4 (`sma_threshold=4.0`), which adapts one step earlier. As in the authors' code and torch,
    epsilon is added to the uncorrected root (Addons and optax: to the corrected one).
    If $\rho_\infty$ is at or below the threshold (`beta_2 <= 2/3`) it never
    adapts. Keras has no RAdam.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.001.
        beta_1: In [0, 1), decay of the mean of the gradient. Default 0.9.
        beta_2: In [0, 1), decay of the mean of its square. Default 0.999.
        epsilon: >= 1e-30, added to the root. Default 1e-8.
        sma_threshold: >= 4, see above. Default 5.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: the first step is the gradient times the rate, as in SGD.

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([1.0])
    >>> optimizer = keras_optim.RAdam(learning_rate=0.1)
    >>> optimizer.apply([np.array([3.0], "float32")], [x])
    >>> print(x.numpy().round(4))
    [0.7]

    Reference:
        Liu et al., "On the variance of the adaptive learning rate and beyond", ICLR 2020,
        https://arxiv.org/abs/1908.03265
    """

    memory = 2

    def __init__(
        self,
        learning_rate: LearningRate = 1e-3,
        beta_1: Decay = 0.9,
        beta_2: Decay = 0.999,
        epsilon: Epsilon = 1e-8,
        sma_threshold: Annotated[float, Range(4)] = 5.0,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **kwargs)
        self.sma_threshold = sma_threshold

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        m, v = self.averages(g, s)
        direction = rectified(
            unbias(m, self.beta_1, t), v, self.beta_2, self.epsilon, self.sma_threshold, t
        )
        return -lr * direction, {"momentum": m, "velocity": v}


def rectified(
    m: Tensor, v: Tensor, beta_2: float, epsilon: float, threshold: float, t: Tensor
) -> Tensor:
    """RAdam's direction, from the corrected mean of the gradient and the mean of its square."""
    longest = 2.0 / (1.0 - beta_2) - 1.0
    if longest <= threshold:
        return m
    rho = sma_length(beta_2, t, like=v)
    trusted = rho > threshold
    rho = ops.where(trusted, rho, longest)
    r = ops.sqrt((rho - 4.0) / (longest - 4.0) * ((rho - 2.0) / (longest - 2.0)) * (longest / rho))
    scale = r * ops.sqrt(bias(beta_2, t, like=v)) / root(v, epsilon)
    return ops.where(trusted, m * scale, m)


def sma_length(beta_2: float, t: Tensor, like: Tensor) -> Tensor:
    r"""Length of the simple average that the moving average resembles at step `t`: $\rho_t$.

    As written in the paper it is a small difference of large numbers (for `beta_2 = 0.999`, 1999
    less 1994), too coarse in single precision to compare with a threshold. With
    $a = -\log \beta_2$ and $z = a t / 2$ it equals
    $\rho_\infty - 2/a + t - (2/a)\,(z \coth z - 1)$, where
    $z \coth z = z + 2z / (e^{2z} - 1)$, whose last term is small while `t` is.

    >>> from keras import ops
    >>> round(float(sma_length(0.999, ops.convert_to_tensor(6), like=ops.ones(()))), 4)
    5.9942
    """
    a = -math.log(beta_2)
    t = ops.cast(t, like.dtype)
    z = 0.5 * a * t
    square = z * z
    series = 0.0
    for coefficient in (2 / 93555, -1 / 4725, 2 / 945, -1 / 45, 1 / 3):
        series = (series + coefficient) * square
    excess = ops.where(z < 0.25, series, z - 1.0 + 2.0 * z / ops.expm1(2.0 * z))
    return (2.0 / (1.0 - beta_2) - 1.0 - 2.0 / a) + t - (2.0 / a) * excess
