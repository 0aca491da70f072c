"""OptimisticAdam: Adam that expects the next change of its direction, for games."""

from typing import Unpack

from keras import ops

from keras_optim.algorithms.moments import Moments
from keras_optim.arguments.ranges import Decay, Epsilon, KerasOptions, LearningRate, NonNegative
from keras_optim.numerics import bounded, unbias, unbiased_root
from keras_optim.optimizer import Slots, Tensor


class OptimisticAdam(Moments):
    r"""Adam that adds the last change of its direction, as if it came again.

    $$
    d_t = \frac{\hat m_t}{\sqrt{\hat v_t} + \epsilon}, \qquad
    x_t = x_{t-1} - \eta\, \big(d_t + \beta\, (d_t - d_{t-1})\big), \qquad d_0 = d_1
    $$

    with $\hat m_t$, $\hat v_t$ as in Adam and $\beta$ = `optimism`. Made for adversarial networks,
    where Adam can circle around the solution: see `keras_optim.OptimisticGradientDescent`. Give it
    to the generator and the discriminator, and tune the rate as Adam's. `optimism=0` is Adam. Its
    authors trained with `beta_1=0.5`.

    Differs from `optax.optimistic_adam_v2` in one default: there `nesterov` is `True`, which their
    paper does not have. `alpha` there is part of our rate. In `optax.optimistic_adam`, `optimism`
    is `learning_rate` times ours. Their paper does not say what $d_0$ is. Keras has no
    OptimisticAdam.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.001.
        beta_1: In [0, 1), decay of the mean of the gradient. Default 0.9.
        beta_2: In [0, 1), decay of the mean of its square. Default 0.999.
        epsilon: >= 1e-30, added to the root. Default 1e-8.
        optimism: >= 0, $\beta$. Default 1.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: a gradient that turns around is followed twice.

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([0.0])
    >>> optimizer = keras_optim.OptimisticAdam(learning_rate=0.5, beta_1=0.0)
    >>> for g in (1.0, -1.0):
    ...     optimizer.apply([np.array([g], "float32")], [x])
    ...     print(x.numpy().round(4))
    [-0.5]
    [1.]

    Reference:
        Daskalakis et al., "Training GANs with optimism", ICLR 2018,
        https://arxiv.org/abs/1711.00141
    """

    slots = ("momentum", "velocity", "direction")
    memory = 3
    scale_invariant = True

    def __init__(
        self,
        learning_rate: LearningRate = 1e-3,
        beta_1: Decay = 0.9,
        beta_2: Decay = 0.999,
        epsilon: Epsilon = 1e-8,
        optimism: NonNegative = 1.0,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **kwargs)
        self.optimism = optimism

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        m, v = self.averages(g, s)
        share, denominator = unbiased_root(v, self.beta_2, t, self.epsilon)
        direction = bounded(unbias(share, self.beta_1, t) * m / denominator)
        before = ops.where(t > 1, s["direction"], direction)
        change = -lr * (direction + self.optimism * (direction - before))
        return change, {"momentum": m, "velocity": v, "direction": direction}
