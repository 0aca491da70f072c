"""RMSprop: the gradient over a running root mean square of itself."""

from typing import Unpack

from keras import ops

from keras_optim.arguments.ranges import Decay, Epsilon, KerasOptions, LearningRate
from keras_optim.numerics import bounded, ema, larger, root
from keras_optim.optimizer import Optimizer, Slots, Tensor


class RMSprop(Optimizer):
    r"""The gradient divided by a running root mean square of itself.

    $$
    v_t = \rho\, v_{t-1} + (1-\rho)\, g_t^2, \qquad
    d_t = \frac{g_t}{\sqrt{v_t} + \epsilon}, \qquad
    x_t = x_{t-1} - \eta\, d_t
    $$

    With `momentum`: $b_t = \mu\, b_{t-1} + d_t$ takes the place of $d_t$. With `centered`:
    $v_t - a_t^2$ takes the place of $v_t$, where $a_t$ is the running mean of the gradient
    (a variance: longer steps where the gradient is steady).

    Adagrad with a memory that fades, so it does not stall; long a favourite for recurrent nets
    and reinforcement learning. The first steps are up to `1 / sqrt(1 - rho)` rates long, as the
    average starts at zero uncorrected: warm up, or use Adam, where that hurts.

    Differs from `keras.optimizers.RMSprop`, which has epsilon inside the root (where its 1e-7
    weighs as much as 3e-4 outside), as has `optax.rmsprop`; `epsilon_inside_sqrt=True` does so
    here. Both fold the rate into the momentum buffer. As here: `torch.optim.RMSprop`, whose `rho`
    is 0.99.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.001.
        rho: In [0, 1), decay of the mean square. Default 0.9.
        momentum: In [0, 1). Default 0: none, and no state for it.
        epsilon: >= 1e-30, added to the root. Default 1e-8.
        centered: Divide by the standard deviation instead. Default `False`.
        epsilon_inside_sqrt: Take `sqrt(v + epsilon)` instead. Default `False`.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example:

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([1.0, 1.0])
    >>> optimizer = keras_optim.RMSprop(learning_rate=0.5, rho=0.75)
    >>> optimizer.apply([np.array([100.0, -0.01], "float32")], [x])
    >>> print(x.numpy().round(4))
    [0. 2.]

    Reference:
        Tieleman, Hinton, "Lecture 6.5: RMSprop", Coursera 2012; centered: Graves, "Generating
        sequences with recurrent neural networks", 2013, https://arxiv.org/abs/1308.0850
    """

    memory = 1
    scale_invariant = True
    trial_variants = ({"momentum": 0.9, "centered": True},)

    def __init__(
        self,
        learning_rate: LearningRate = 1e-3,
        rho: Decay = 0.9,
        momentum: Decay = 0.0,
        epsilon: Epsilon = 1e-8,
        centered: bool = False,
        *,
        epsilon_inside_sqrt: bool = False,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, **kwargs)
        self.rho = rho
        self.momentum = momentum
        self.epsilon = epsilon
        self.centered = centered
        self.epsilon_inside_sqrt = epsilon_inside_sqrt
        self.slots = (
            "velocity",
            *(("mean",) if centered else ()),
            *(("momentum",) if momentum else ()),
        )

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        new = {"velocity": ema(s["velocity"], g * g, self.rho)}
        v = new["velocity"]
        if self.centered:
            new["mean"] = ema(s["mean"], g, self.rho)
            # A variance; rounding can leave it a hair below zero.
            v = larger(ops.zeros_like(v), v - new["mean"] * new["mean"])
        direction = g / root(v, self.epsilon, self.epsilon_inside_sqrt)
        if self.centered:  # a variance may be zero where the gradient is not
            direction = bounded(direction)
        if self.momentum:
            new["momentum"] = direction = self.momentum * s["momentum"] + direction
        return -lr * direction, new
