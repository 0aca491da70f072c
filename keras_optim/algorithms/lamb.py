"""Lamb: Adam with steps in proportion to the weights, for large batches."""

from typing import Annotated, Unpack

from keras_optim.algorithms.moments import Moments
from keras_optim.arguments.ranges import Decay, KerasOptions, LearningRate, Range
from keras_optim.numerics import norm, ratio, unbias, unbiased_root
from keras_optim.optimizer import Slots, Tensor


class Lamb(Moments):
    r"""Adam's direction, made as long as the layer's weights: for batches of thousands.

    $$
    r_t = \frac{\hat m_t}{\sqrt{\hat v_t} + \epsilon} + \lambda\, x_{t-1}, \qquad
    x_t = x_{t-1} - \eta\, \frac{\lVert x_{t-1} \rVert}{\lVert r_t \rVert}\, r_t
    $$

    with $\hat m_t$, $\hat v_t$ as in Adam, norms over a whole variable, and the ratio 1 where
    either is zero. Each layer turns by the same angle per step, so the rate can grow with the
    square root of the batch size (BERT in 76 minutes, with batches of 32768); warm it up. With
    small batches AdamW does as well.

    `weight_decay` ($\lambda$, 0.01 in the paper) is inside the ratio, as in the paper, and not
    decoupled: it turns the step rather than lengthening it. Exempt biases and normalisation
    scales from it: `exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])`.

    Differs from `keras.optimizers.Lamb` in that: there the decay is decoupled; without decay
    both are equal, but for an epsilon of 1e-7 there. As here: `optax.lamb`. pytorch-optimizer's
    has no bias correction and clamps the norms.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.001.
        beta_1: In [0, 1), decay of the mean of the gradient. Default 0.9.
        beta_2: In [0, 1), decay of the mean of its square. Default 0.999.
        epsilon: >= 1e-20, added to the root, so that no direction is infinite. Default 1e-6.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: the step is a tenth of the weights' length, 5.

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([3.0, 4.0])
    >>> optimizer = keras_optim.Lamb(learning_rate=0.1)
    >>> optimizer.apply([np.array([0.0, 7.0], "float32")], [x])
    >>> print(x.numpy().round(4))
    [3.  3.5]

    Reference:
        You et al., "Large batch optimization for deep learning: training BERT in 76 minutes",
        ICLR 2020, https://arxiv.org/abs/1904.00962
    """

    memory = 2
    scale_invariant = True
    elementwise = False
    couples_decay = 1  # of a scalar only the sign of the direction is left

    def __init__(
        self,
        learning_rate: LearningRate = 1e-3,
        beta_1: Decay = 0.9,
        beta_2: Decay = 0.999,
        epsilon: Annotated[float, Range(1e-20)] = 1e-6,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **kwargs)

    def step(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        """Without decoupled decay: `update` has it inside the ratio."""
        return self.update(g, x, s, t, lr)

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        m, v = self.averages(g, s)
        share, denominator = unbiased_root(v, self.beta_2, t, self.epsilon)
        r = unbias(share, self.beta_1, t) * m / denominator
        if decay := s["weight_decay"]:
            r = r + decay * x
        return -lr * ratio(norm(x), norm(r)) * r, {"momentum": m, "velocity": v}
