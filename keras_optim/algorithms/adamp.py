"""AdamP: Adam that does not let scale-invariant weights grow."""

from typing import Unpack

from keras_optim.algorithms.projected import Projected
from keras_optim.arguments.ranges import (
    Decay,
    Epsilon,
    Fraction,
    KerasOptions,
    LearningRate,
    NonNegative,
)
from keras_optim.numerics import bounded, ema, unbias, unbiased_root
from keras_optim.optimizer import Slots, Tensor


class AdamP(Projected):
    r"""Adam without the part of the step that only makes the weights longer.

    $$
    d_t = \frac{\hat m_t}{\sqrt{\hat v_t} + \epsilon}, \qquad
    \tilde d_t = \begin{cases} d_t - (u^\top d_t)\, u, \quad u = \frac{x}{\|x\| + \epsilon} &
    |\cos(x, g_t)| < \delta / \sqrt{\dim x} \\ d_t & \text{otherwise} \end{cases}, \qquad
    x_t = x_{t-1} - \eta\, \tilde d_t
    $$

    with $\hat m_t$, $\hat v_t$ as in Adam. Weights before a normalisation layer are
    scale-invariant: their gradient is orthogonal to them, but momentum is not, and each step
    lengthens them and so shortens all further steps. The cosine finds them: $x$ is each output
    channel if all of them pass, else the whole kernel. Scalars and vectors are never projected.
    For nets with batch, layer or weight normalisation; tune as AdamW. Where the step is projected
    weight decay, which nothing there opposes, is only `wd_ratio` of `weight_decay`.

    As the authors' code, with Keras's layout: the output channel is the last axis of a kernel.
    pytorch-optimizer adds epsilon before the correction of `v`. Keras has no AdamP.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.001.
        beta_1: In [0, 1), decay of the mean of the gradient. Default 0.9.
        beta_2: In [0, 1), decay of the mean of its square. Default 0.999.
        epsilon: >= 1e-30, added to the root and to the norm. Default 1e-8.
        delta: >= 0, threshold of the cosine; 0 is Adam. Default 0.1.
        wd_ratio: In [0, 1], share of weight decay where projected. Default 0.1.
        nesterov: Mean and gradient once more as momentum. Default `False`.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: ten steps orthogonal to weights of length 5.

    >>> import numpy as np, keras, keras_optim
    >>> def length(optimizer):
    ...     x = keras.Variable([[3.0], [4.0]])
    ...     for _ in range(10):
    ...         a, b = x.numpy().ravel()
    ...         optimizer.apply([np.array([[b], [-a]])], [x])
    ...     return round(float(np.linalg.norm(x.numpy())), 1)
    >>> length(keras_optim.Adam(0.1)), length(keras_optim.AdamP(0.1))
    (5.4, 5.0)

    Reference:
        Heo et al., "AdamP: slowing down the slowdown for momentum optimizers on scale-invariant
        weights", ICLR 2021, https://arxiv.org/abs/2006.08217
    """

    slots = ("momentum", "velocity")
    memory = 2
    scale_invariant = True
    elementwise = False

    def __init__(
        self,
        learning_rate: LearningRate = 1e-3,
        beta_1: Decay = 0.9,
        beta_2: Decay = 0.999,
        epsilon: Epsilon = 1e-8,
        delta: NonNegative = 0.1,
        wd_ratio: Fraction = 0.1,
        nesterov: bool = False,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, nesterov, epsilon, delta, wd_ratio, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2

    def direction(self, g: Tensor, s: Slots, t: Tensor) -> tuple[Tensor, Slots]:
        m, v = ema(s["momentum"], g, self.beta_1), ema(s["velocity"], g * g, self.beta_2)
        ahead = ema(m, g, self.beta_1) if self.nesterov else m
        share, denominator = unbiased_root(v, self.beta_2, t, self.epsilon)
        direction = bounded(unbias(share, self.beta_1, t) * ahead / denominator)
        return direction, {"momentum": m, "velocity": v}
