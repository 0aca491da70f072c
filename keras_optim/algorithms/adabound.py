"""AdaBound: Adam that turns into SGD."""

from keras_optim.algorithms.bounded import Bounded
from keras_optim.optimizer import Slots, Tensor


class AdaBound(Bounded):
    r"""Adam whose rates are squeezed towards one final rate, that of SGD.

    $$
    x_t = x_{t-1} - m_t \operatorname{clip}\!\left(
        \frac{\eta_t}{\sqrt{v_t} + \epsilon}\, \frac{\sqrt{1-\beta_2^t}}{1-\beta_1^t},\;
        \eta_\infty \frac{\gamma t}{\gamma t + 1},\; \eta_\infty \frac{\gamma t + 1}{\gamma t}
    \right), \qquad \eta_\infty = \text{final rate} \cdot \frac{\eta_t}{\max_{i \le t} \eta_i}
    $$

    with $m_t$, $v_t$ as in Adam. Quick at the start as Adam, and at the end as good on vision
    models as SGD with momentum 0.9. Set `final_learning_rate` to a good rate of SGD; `gamma` is
    how soon: the bounds are within 10 % of it after `10 / gamma` steps. Gradients of a scale that
    SGD cannot take (recurrent nets, raw losses) it cannot take late in training either.

    As the authors' code (bias correction, epsilon added before it); the paper has no correction
    and divides the rate by `sqrt(t)`. A schedule scales the final rate too: the code divides by
    the rate given at construction, here it is the largest one so far, so that a warmup does not
    blow it up. pytorch-optimizer adds 1e-15 inside the root. Keras has no AdaBound.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.001.
        beta_1: In [0, 1), decay of the mean of the gradient. Default 0.9.
        beta_2: In [0, 1), decay of the mean of its square. Default 0.999.
        epsilon: >= 1e-30, added to the root. Default 1e-8.
        final_learning_rate: > 0, the rate of SGD in the end. Default 0.1.
        gamma: In (0, 1], speed at which the bounds close. Default 0.001.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: in the end a step is `final_learning_rate` times the gradient, whatever its size.

    >>> import numpy as np, keras, keras_optim
    >>> g = np.array([1.0, 0.01], "float32")
    >>> x = keras.Variable([0.0, 0.0])
    >>> optimizer = keras_optim.AdaBound(0.01, final_learning_rate=0.5, gamma=1.0)
    >>> for _ in range(100):
    ...     before = x.numpy()
    ...     optimizer.apply([g], [x])
    >>> print(((before - x.numpy()) / g).round(1))
    [0.5 0.5]

    Reference:
        Luo, Xiong, Liu, Sun, "Adaptive gradient methods with dynamic bound of learning rate",
        ICLR 2019, https://arxiv.org/abs/1902.09843
    """

    memory = 2

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        m, v = self.averages(g, s)
        return -(self.rates(v, s, t, lr) * m), {"momentum": m, "velocity": v}
