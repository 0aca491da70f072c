"""COCOB: no learning rate, but a coin bet for each weight."""

from typing import Unpack

from keras import ops

from keras_optim.algorithms.distance import FromStart
from keras_optim.arguments.ranges import Epsilon, KerasOptions, LearningRate, NonNegative
from keras_optim.numerics import between, bounded, larger
from keras_optim.optimizer import Slots, Tensor


class COCOB(FromStart):
    r"""Each weight bets a share of what it has won on the sign of its next gradient.

    $$
    \begin{aligned}
    L_t &= \max(L_{t-1}, |g_t|) &
    G_t &= G_{t-1} + |g_t| &
    R_t &= \max(R_{t-1} - g_t\,(x_{t-1} - x_0),\, 0) \\
    \theta_t &= \theta_{t-1} - g_t &
    x_t &= x_0 + \frac{\theta_t}{L_t \max(G_t + L_t,\, \alpha L_t)}\,(L_t + R_t), &
        L_0 &= \epsilon
    \end{aligned}
    $$

    The reward $R$ grows while gradients keep their sign, and with it the distance from the start
    that the weight may go: exponentially fast at first, then as far as it wins. The first steps
    have the length $1/\alpha$, whatever the gradients. In the paper it came close to tuned Adagrad,
    Adam and RMSprop on MNIST and CIFAR-10; it needs five numbers for each weight.

    There is no rate: `learning_rate` is the share of the way to $x_t$ that a step goes. Leave it at
    1, or let a schedule bring it to 0. `weight_decay` is added to the gradient: it is L2
    regularisation, and not decoupled. Kept is the offset $x_0 - x$, so the start follows weights
    that are loaded or set. As here, at a rate of 1: parameterfree, TensorFlow Addons (without
    `epsilon`), `optax.contrib.cocob` (whose rate is a factor of the gradient). Keras has no COCOB.

    Args:
        learning_rate: >= 0, or a schedule: the share of the way. Default 1.0.
        alpha: >= 0, for about so many steps the bets are small. Default 100.0.
        epsilon: >= 1e-30, the first bound of the gradients. Default 1e-8.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: steps of a hundredth at first, and longer with each success.

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([5.0])
    >>> optimizer = keras_optim.COCOB()
    >>> for step in range(61):
    ...     optimizer.apply([np.sign(x.numpy())], [x])
    ...     if step % 20 == 0:
    ...         print(x.numpy().round(2))
    [4.99]
    [3.49]
    [1.22]
    [-0.26]

    Reference:
        Orabona, Tommasi, "Training deep networks without learning rates through coin betting",
        NeurIPS 2017, https://arxiv.org/abs/1705.07795
    """

    slots = ("offset", "gradient_sum", "absolute_sum", "reward")
    memory = 5
    rotation_equivariant = False
    elementwise = True

    def __init__(
        self,
        learning_rate: LearningRate = 1.0,
        alpha: NonNegative = 100.0,
        epsilon: Epsilon = 1e-8,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, **kwargs)
        self.alpha = alpha
        self.epsilon = epsilon

    def init(self, x: Tensor) -> Slots:
        return {"largest": ops.full_like(x, self.epsilon)}

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        g = self.regularised(g, x, s)
        size = ops.abs(g)
        largest, absolute = larger(size, s["largest"]), s["absolute_sum"] + size
        reward = between(s["reward"] + g * s["offset"], 0.0, 1e37)
        total = s["gradient_sum"] - g
        share = total / larger(absolute + largest, self.alpha * largest)
        bet = share * bounded(1.0 + reward / largest)
        change = lr * (s["offset"] + bet)
        return change, {
            "largest": largest, "absolute_sum": absolute, "reward": reward, "gradient_sum": total,
            "offset": self.offset(change, x, s),
        }  # fmt: skip
