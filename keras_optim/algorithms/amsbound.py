"""AMSBound: AMSGrad that turns into SGD."""

from keras_optim.algorithms.bounded import Bounded
from keras_optim.numerics import larger
from keras_optim.optimizer import Slots, Tensor


class AMSBound(Bounded):
    r"""AdaBound over the largest second moment seen so far.

    $$
    u_t = \max(u_{t-1}, v_t), \qquad
    x_t = x_{t-1} - m_t \operatorname{clip}\!\left(
        \frac{\eta_t}{\sqrt{u_t} + \epsilon}\, \frac{\sqrt{1-\beta_2^t}}{1-\beta_1^t},\;
        \eta_\infty \frac{\gamma t}{\gamma t + 1},\; \eta_\infty \frac{\gamma t + 1}{\gamma t}
    \right)
    $$

    with $m_t$, $v_t$ as in Adam and $\eta_\infty$ as in AdaBound. A rare large gradient is not
    forgotten until the bounds take over. One more slot than AdaBound; tune as that.

    As the authors' code: the maximum is over the raw `v`, epsilon before the correction; further
    differences see `keras_optim.AdaBound`. Keras has no AMSBound.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.001.
        beta_1: In [0, 1), decay of the mean of the gradient. Default 0.9.
        beta_2: In [0, 1), decay of the mean of its square. Default 0.999.
        epsilon: >= 1e-30, added to the root. Default 1e-8.
        final_learning_rate: > 0, the rate of SGD in the end. Default 0.1.
        gamma: In (0, 1], speed at which the bounds close. Default 0.001.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: after one large gradient the steps stay small, where AdaBound's grow again.

    >>> import numpy as np, keras, keras_optim
    >>> def last_step(optimizer):
    ...     x = keras.Variable([0.0])
    ...     for g in [100.0] + 50 * [-1.0]:
    ...         before = x.numpy()
    ...         optimizer.apply([np.array([g], "float32")], [x])
    ...     return (x.numpy() - before).round(4)
    >>> print(last_step(keras_optim.AdaBound(0.1, beta_2=0.5)))
    [0.0948]
    >>> print(last_step(keras_optim.AMSBound(0.1, beta_2=0.5)))
    [0.0046]

    Reference:
        Luo, Xiong, Liu, Sun, "Adaptive gradient methods with dynamic bound of learning rate",
        ICLR 2019, https://arxiv.org/abs/1902.09843
    """

    slots = ("momentum", "velocity", "max_velocity")
    memory = 3

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        m, v = self.averages(g, s)
        u = larger(s["max_velocity"], v)
        return -(self.rates(u, s, t, lr) * m), {"momentum": m, "velocity": v, "max_velocity": u}
