"""Yogi: Adam whose rates rise slowly."""

from typing import Unpack

from keras import ops

from keras_optim.algorithms.moments import Moments
from keras_optim.arguments.ranges import Decay, Epsilon, KerasOptions, LearningRate, NonNegative
from keras_optim.numerics import ema, unbias, unbiased_root
from keras_optim.optimizer import Slots, Tensor


class Yogi(Moments):
    r"""Adam with a second moment that moves by addition, not by forgetting.

    $$
    v_t = v_{t-1} - (1-\beta_2) \operatorname{sign}(v_{t-1} - g_t^2)\, g_t^2, \qquad
    x_t = x_{t-1} - \eta\, \frac{\hat m_t}{\sqrt{\hat v_t} + \epsilon}
    $$

    with $m_t$, $\hat m_t$, $\hat v_t$ as in Adam and $v_0$ = `initial_accumulator_value`. Where
    gradients become small, Adam's $v$ shrinks to them at a fixed pace whatever they are, and its
    steps jump; here $v$ changes by no more than $g^2$ itself, so the rate rises gently. A
    compromise between Adam and AMSGrad for sparse or noisy gradients. Tune `learning_rate`, then
    `epsilon`, which is large on purpose.

    The paper has no bias correction; as all code in use (`optax.yogi`, pytorch-optimizer,
    TensorFlow Addons) this one has. The momentum starts at 0 as in the paper and Addons
    (`optax` and pytorch-optimizer start it at `initial_accumulator_value` too). Addons adds epsilon
    before the correction, as Keras's Adam. Keras has no Yogi.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.01.
        beta_1: In [0, 1), decay of the mean of the gradient. Default 0.9.
        beta_2: In [0, 1), pace of the second moment. Default 0.999.
        epsilon: >= 1e-30, added to the root. Default 1e-3.
        initial_accumulator_value: >= 0, where `v` starts. Default 1e-6.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: after one large gradient the steps stay short, where Adam's grow again.

    >>> import numpy as np, keras, keras_optim
    >>> def last_step(optimizer):
    ...     x = keras.Variable([0.0])
    ...     for g in [100.0] + 100 * [-1.0]:
    ...         before = x.numpy()
    ...         optimizer.apply([np.array([g], "float32")], [x])
    ...     return (x.numpy() - before).round(4)
    >>> print(last_step(keras_optim.Adam(0.1, beta_2=0.9)))
    [0.0987]
    >>> print(last_step(keras_optim.Yogi(0.1, beta_2=0.9)))
    [0.0032]

    Reference:
        Zaheer et al., "Adaptive methods for nonconvex optimization", NeurIPS 2018,
        https://papers.nips.cc/paper/8186-adaptive-methods-for-nonconvex-optimization
    """

    memory = 2
    scale_invariant = True

    def __init__(
        self,
        learning_rate: LearningRate = 0.01,
        beta_1: Decay = 0.9,
        beta_2: Decay = 0.999,
        epsilon: Epsilon = 1e-3,
        initial_accumulator_value: NonNegative = 1e-6,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **kwargs)
        self.initial_accumulator_value = initial_accumulator_value

    def init(self, x: Tensor) -> Slots:
        return {"velocity": ops.full_like(x, self.initial_accumulator_value)}

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        m, v, square = ema(s["momentum"], g, self.beta_1), s["velocity"], g * g
        change = (1.0 - self.beta_2) * square
        v = ops.where(v > square, v - change, ops.where(v < square, v + change, v))
        share, denominator = unbiased_root(v, self.beta_2, t, self.epsilon)
        change = -unbias(lr * share, self.beta_1, t) * m / denominator
        return change, {"momentum": m, "velocity": v}
