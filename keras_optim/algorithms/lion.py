"""Lion: the sign of an interpolated momentum."""

from typing import Unpack

from keras_optim.arguments.ranges import Decay, KerasOptions, LearningRate
from keras_optim.numerics import ema, sign
from keras_optim.optimizer import Optimizer, Slots, Tensor


class Lion(Optimizer):
    r"""The sign of a momentum, found by a search over programs; half of Adam's memory.

    $$
    x_t = x_{t-1} - \eta \operatorname{sign}\bigl(\beta_1 m_{t-1} + (1-\beta_1)\, g_t\bigr), \qquad
    m_t = \beta_2 m_{t-1} + (1-\beta_2)\, g_t
    $$

    Every weight moves by exactly the rate at each step, so take a rate 3 to 10 times smaller than
    AdamW's and a `weight_decay` that much larger, to keep their product. Best with large
    batches (signs of small ones are noise), for vision transformers, diffusion and
    language models; `beta_1=0.95, beta_2=0.98` is steadier on long runs.

    Differs from `keras.optimizers.Lion` only in the default rate (0.001 there). As `optax.lion`
    (which decays weights by 1e-3 unless told) and pytorch-optimizer.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.0001.
        beta_1: In [0, 1), weight of the momentum in the step. Default 0.9.
        beta_2: In [0, 1), decay of the momentum. Default 0.99.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example:

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([1.0, 1.0, 1.0])
    >>> optimizer = keras_optim.Lion(learning_rate=0.25)
    >>> optimizer.apply([np.array([100.0, -0.01, 0.0], "float32")], [x])
    >>> print(x.numpy())
    [0.75 1.25 1.  ]

    Reference:
        Chen et al., "Symbolic discovery of optimization algorithms", NeurIPS 2023,
        https://arxiv.org/abs/2302.06675
    """

    slots = ("momentum",)
    memory = 1
    scale_invariant = True
    sign_based = True

    def __init__(
        self,
        learning_rate: LearningRate = 1e-4,
        beta_1: Decay = 0.9,
        beta_2: Decay = 0.99,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        m = s["momentum"]
        direction = sign(ema(m, g, self.beta_1))
        return -lr * direction, {"momentum": ema(m, g, self.beta_2)}
