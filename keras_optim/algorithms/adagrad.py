"""Adagrad: a rate for each weight, by the gradients it has seen."""

from typing import Unpack

from keras import ops

from keras_optim.arguments.ranges import Epsilon, KerasOptions, LearningRate, NonNegative
from keras_optim.numerics import root
from keras_optim.optimizer import Optimizer, Slots, Tensor


class Adagrad(Optimizer):
    r"""Rates that fall for each weight with the sum of its squared gradients.

    $$
    v_t = v_{t-1} + g_t^2, \qquad x_t = x_{t-1} - \eta \frac{g_t}{\sqrt{v_t} + \epsilon}
    $$

    Made for sparse features: a weight that is seldom touched keeps a long step. The rate falls
    like `1 / sqrt(t)` by itself, which suits convex problems and stalls long deep-learning runs.
    Tune `learning_rate` between 0.01 and 1.

    Differs from `keras.optimizers.Adagrad`, which starts the sum at 0.1 and has epsilon inside the
    root (as optax); the paper and `torch.optim.Adagrad` are as here. To convert:
    `Adagrad(0.001, initial_accumulator_value=0.1, epsilon=1e-7, epsilon_inside_sqrt=True)`.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.01.
        initial_accumulator_value: >= 0, where the sum of squares starts. Default 0.
        epsilon: >= 1e-30, added to the root. Default 1e-10.
        epsilon_inside_sqrt: Take `sqrt(v + epsilon)` instead. Default `False`.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example:

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([1.0, 1.0])
    >>> optimizer = keras_optim.Adagrad(learning_rate=0.5)
    >>> optimizer.apply([np.array([100.0, 0.01], "float32")], [x])
    >>> print(x.numpy().round(4))
    [0.5 0.5]

    Reference:
        Duchi, Hazan, Singer, "Adaptive subgradient methods for online learning and stochastic
        optimization", JMLR 2011, https://jmlr.org/papers/v12/duchi11a.html
    """

    slots = ("accumulator",)
    memory = 1
    scale_invariant = True

    def __init__(
        self,
        learning_rate: LearningRate = 0.01,
        initial_accumulator_value: NonNegative = 0.0,
        epsilon: Epsilon = 1e-10,
        *,
        epsilon_inside_sqrt: bool = False,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, **kwargs)
        self.initial_accumulator_value = initial_accumulator_value
        self.epsilon = epsilon
        self.epsilon_inside_sqrt = epsilon_inside_sqrt

    def init(self, x: Tensor) -> Slots:
        return {"accumulator": ops.full_like(x, self.initial_accumulator_value)}

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        v = s["accumulator"] + g * g
        return -lr * g / root(v, self.epsilon, self.epsilon_inside_sqrt), {"accumulator": v}
