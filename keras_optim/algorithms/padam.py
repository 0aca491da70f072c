"""PAdam: between SGD and AMSGrad, by the exponent of the second moment."""

from typing import Annotated, Unpack

from keras_optim.algorithms.moments import Moments
from keras_optim.arguments.ranges import Decay, Epsilon, KerasOptions, LearningRate, Range
from keras_optim.numerics import larger, root
from keras_optim.optimizer import Slots, Tensor


class PAdam(Moments):
    r"""AMSGrad that adapts only in part: a small power of the second moment.

    $$
    u_t = \max(u_{t-1}, v_t), \qquad
    x_t = x_{t-1} - \eta\, \frac{m_t}{(\sqrt{u_t} + \epsilon)^{2p}}
    $$

    with $m_t$, $v_t$ as in Adam and $p$ = `partial`. With `partial=0.5` it is AMSGrad, towards 0 it
    becomes SGD with momentum: fast at the start as the one, good at the end as the other, mostly
    on vision models. As steps still follow the scale of the gradient, the rate is SGD's (0.1, cut
    by ten now and then), not Adam's. 1/8 to 1/4 suit most models.

    As the paper, without bias correction: the first steps are short, `1 - beta_1` against
    `(1 - beta_2)**partial`. The authors' code corrects both as Adam does; pytorch-optimizer does
    so too and has no maximum. Keras has no PAdam.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.1.
        beta_1: In [0, 1), decay of the mean of the gradient. Default 0.9.
        beta_2: In [0, 1), decay of the mean of its square. Default 0.999.
        epsilon: >= 1e-30, added to the root. Default 1e-8.
        partial: In (0, 0.5], the exponent $p$. Default 0.125.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: gradients 10000 times as large give steps 10000, 1000 or 1 times as long.

    >>> import numpy as np, keras, keras_optim
    >>> for partial in (1e-9, 0.125, 0.5):
    ...     x = keras.Variable([0.0, 0.0])
    ...     optimizer = keras_optim.PAdam(learning_rate=1.0, partial=partial)
    ...     optimizer.apply([np.array([1e2, 1e-2], "float32")], [x])
    ...     print(round(float(x.numpy()[0] / x.numpy()[1])))
    10000
    1000
    1

    Reference:
        Chen et al., "Closing the generalization gap of adaptive gradient methods in training deep
        neural networks", IJCAI 2020, https://arxiv.org/abs/1806.06763
    """

    slots = ("momentum", "velocity", "max_velocity")
    memory = 3

    def __init__(
        self,
        learning_rate: LearningRate = 0.1,
        beta_1: Decay = 0.9,
        beta_2: Decay = 0.999,
        epsilon: Epsilon = 1e-8,
        partial: Annotated[float, Range(0, 0.5, open="left")] = 0.125,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **kwargs)
        self.partial = partial

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        m, v = self.averages(g, s)
        u = larger(s["max_velocity"], v)
        direction = m / root(u, self.epsilon) ** (2.0 * self.partial)
        return -lr * direction, {"momentum": m, "velocity": v, "max_velocity": u}
