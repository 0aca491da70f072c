"""MARS: AdamW on gradients with less variance."""

from typing import Unpack

from keras import ops

from keras_optim.algorithms.moments import Moments
from keras_optim.arguments.ranges import (
    Decay,
    Epsilon,
    KerasOptions,
    LearningRate,
    NonNegative,
)
from keras_optim.numerics import ema, larger, norm, unbias, unbiased_root
from keras_optim.optimizer import Slots, Tensor


class MARS(Moments):
    r"""Adam on a gradient that is corrected by its change since the last step.

    $$
    \begin{aligned}
    c_t &= g_t + \gamma\, \frac{\beta_1}{1-\beta_1}\, (g_t - g_{t-1}), \qquad
    \tilde c_t = \frac{c_t}{\max(1, \lVert c_t \rVert)}, \qquad g_0 = 0 \\
    m_t &= \beta_1 m_{t-1} + (1-\beta_1)\, \tilde c_t, \qquad
    v_t = \beta_2 v_{t-1} + (1-\beta_2)\, \tilde c_t^2 \\
    x_t &= x_{t-1} - \eta\, \frac{m_t / (1-\beta_1^t)}{\sqrt{v_t / (1-\beta_2^t)} + \epsilon}
    \end{aligned}
    $$

    Variance reduction (STORM) inside of Adam: the change of the gradient says where the mean lags
    behind. Norms are over a whole variable. Made for pretraining of language models. Tune the rate
    anew, upwards from AdamW's; `gamma` 0.025 is small on purpose.

    Scalars and vectors take plain Adam with decay rates of their own, as in the authors' code,
    unless `vectors` is set. There they also have a rate and a weight decay (0.1) of their own; for
    these see `keras_optim.Route`.

    This is MARS-AdamW in the approximate form that the authors use: the exact one evaluates the old
    weights on the new batch, a second gradient. Not here: its forms with Lion's or Shampoo's step.
    pytorch-optimizer adds epsilon before the bias correction. Keras and optax have no MARS.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.003.
        beta_1: In [0, 1), decay of the mean of the gradient. Default 0.95.
        beta_2: In [0, 1), decay of the mean of its square. Default 0.99.
        gamma: >= 0, strength of the correction; 0 is Adam with clipping. Default 0.025.
        epsilon: >= 1e-30, added to the root. Default 1e-8.
        vectors: Whether scalars and vectors are corrected, too. Default `False`.
        vector_beta_1: In [0, 1), `beta_1` of scalars and vectors if not. Default 0.9.
        vector_beta_2: In [0, 1), `beta_2` of these. Default 0.95.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: a spike the wrong way, among small gradients. Here its norm is clipped to 1.

    >>> import numpy as np, keras, keras_optim
    >>> for rule in (keras_optim.Adam, keras_optim.MARS):
    ...     x = keras.Variable([[0.0]])
    ...     optimizer = rule(0.1, beta_1=0.9, beta_2=0.99)
    ...     for g in (0.5, 0.5, 0.5, 0.5, -50.0, 0.5, 0.5, 0.5, 0.5):
    ...         optimizer.apply([np.array([[-g]], "float32")], [x])
    ...     print(x.numpy().round(2))
    [[0.2]]
    [[0.64]]

    Reference:
        Yuan, Liu, Wu, Zhou, Gu, "MARS: unleashing the power of variance reduction for training
        large models", ICML 2025, https://arxiv.org/abs/2411.10438
    """

    memory = 3
    elementwise = False
    trial_variants = ({"vectors": True},)

    def __init__(
        self,
        learning_rate: LearningRate = 3e-3,
        beta_1: Decay = 0.95,
        beta_2: Decay = 0.99,
        gamma: NonNegative = 0.025,
        epsilon: Epsilon = 1e-8,
        *,
        vectors: bool = False,
        vector_beta_1: Decay = 0.9,
        vector_beta_2: Decay = 0.95,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **kwargs)
        self.gamma = gamma
        self.vectors = vectors
        self.vector_beta_1 = vector_beta_1
        self.vector_beta_2 = vector_beta_2

    def init(self, x: Tensor) -> Slots:
        return {"previous_gradient": ops.zeros_like(x)} if self.corrects(x) else {}

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        beta_1, beta_2, c, kept = self.vector_beta_1, self.vector_beta_2, g, {}
        if self.corrects(x):
            beta_1, beta_2, kept = self.beta_1, self.beta_2, {"previous_gradient": g}
            c = g + (self.gamma * beta_1 / (1.0 - beta_1)) * (g - s["previous_gradient"])
            c = c / larger(norm(c), 1.0)
        m, v = ema(s["momentum"], c, beta_1), ema(s["velocity"], c * c, beta_2)
        share, denominator = unbiased_root(v, beta_2, t, self.epsilon)
        change = -unbias(lr * share, beta_1, t) * m / denominator
        return change, {"momentum": m, "velocity": v, **kept}

    def corrects(self, x: Tensor) -> bool:
        """Whether the gradient of `x` is corrected by its change."""
        return self.vectors or len(x.shape) > 1
