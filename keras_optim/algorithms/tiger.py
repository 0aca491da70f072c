"""Tiger: the sign of the momentum, scaled by the size of the weights."""

from typing import Unpack

from keras import ops

from keras_optim.arguments.ranges import Decay, KerasOptions, LearningRate
from keras_optim.numerics import ema, mean, sign
from keras_optim.optimizer import Optimizer, Slots, Tensor


class Tiger(Optimizer):
    r"""Tight-fisted: one average, its sign, and rates relative to the weights.

    $$
    m_t = \beta\, m_{t-1} + (1-\beta)\, g_t, \qquad
    x_t = x_{t-1} - \eta\, \alpha \operatorname{sign}(m_t), \qquad
    \alpha = \begin{cases} \operatorname{RMS}(x_{t-1}) & \text{matrices} \\
    1/2 & \text{scalars, vectors, and zeros} \end{cases}
    $$

    Lion with one decay rate instead of two, and half of Adam's state. As `learning_rate` is the
    share by which a matrix changes per step, it carries over from one model size to another. Made
    for language models: rates of 0.001 to 0.002, `weight_decay=0.01` (the author's default; here
    none) without biases and normalisation scales, and a rate that decays.

    The author finds biases and normalisation scales by their names, scales embeddings row by row,
    and the decay like the step; here ndim decides, and decay is `rate * weight_decay * x` as
    elsewhere. `scale_parameter=False` is `keras_optim.Signum` and `pytorch_optimizer.Tiger`. Keras
    has no Tiger.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.001.
        beta: In [0, 1), decay of the mean of the gradient. Default 0.965.
        scale_parameter: Multiply the rate by $\alpha$. Default `True`.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: large weights take large steps.

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([[100.0, -100.0]])
    >>> optimizer = keras_optim.Tiger(learning_rate=0.01)
    >>> optimizer.apply([np.array([[0.1, 5.0]], "float32")], [x])
    >>> print(x.numpy())
    [[  99. -101.]]

    Reference:
        Su, "Tiger: a tight-fisted optimizer", 2023, https://github.com/bojone/tiger
    """

    slots = ("momentum",)
    memory = 1
    scale_invariant = True
    sign_based = True
    elementwise = False

    def __init__(
        self,
        learning_rate: LearningRate = 1e-3,
        beta: Decay = 0.965,
        scale_parameter: bool = True,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, **kwargs)
        self.beta = beta
        self.scale_parameter = scale_parameter

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        m = ema(s["momentum"], g, self.beta)
        return -lr * self.scale(x) * sign(m), {"momentum": m}

    def scale(self, x: Tensor) -> Tensor | float:
        """What the rate of `x` is multiplied by."""
        if not self.scale_parameter:
            return 1.0
        if len(x.shape) < 2:
            return 0.5
        size = ops.sqrt(mean(x * x))
        return ops.where(size > 0.0, size, ops.full_like(size, 0.5))
