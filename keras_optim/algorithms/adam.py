"""Adam: momentum over a running root mean square, both bias-corrected."""

from keras_optim.algorithms.moments import Moments
from keras_optim.numerics import unbias, unbiased_root
from keras_optim.optimizer import Slots, Tensor


class Adam(Moments):
    r"""The default of deep learning: momentum, scaled for each weight.

    $$
    \begin{aligned}
    m_t &= \beta_1 m_{t-1} + (1-\beta_1)\, g_t &
    v_t &= \beta_2 v_{t-1} + (1-\beta_2)\, g_t^2 \\
    \hat m_t &= m_t / (1-\beta_1^t) & \hat v_t &= v_t / (1-\beta_2^t) \\
    x_t &= x_{t-1} - \eta\, \frac{\hat m_t}{\sqrt{\hat v_t} + \epsilon}
    \end{aligned}
    $$

    No step is much longer than the rate, whatever the scale of the loss; that makes one default
    work almost anywhere. Tune `learning_rate` first; lower `beta_2` (0.95 to 0.99) for
    transformers and spiky losses, raise `epsilon` (up to 0.1) where tiny gradients are noise.
    `weight_decay` is decoupled, so `Adam(weight_decay=0.01)` is AdamW.

    Differs from `keras.optimizers.Adam`, which adds epsilon before the correction of `v` ("epsilon
    hat": its effective epsilon is `epsilon / sqrt(1 - beta_2**t)`, 32 times larger at step 1, and
    equal late in training) and defaults to 1e-7. As here: `torch.optim.Adam`, `optax.adam`. For
    `amsgrad=True` see `keras_optim.AMSGrad`.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.001.
        beta_1: In [0, 1), decay of the mean of the gradient. Default 0.9.
        beta_2: In [0, 1), decay of the mean of its square. Default 0.999.
        epsilon: >= 1e-30, added to the root. Default 1e-8.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example:

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([1.0, 1.0])
    >>> optimizer = keras_optim.Adam(learning_rate=0.5)
    >>> optimizer.apply([np.array([100.0, -0.01], "float32")], [x])
    >>> print(x.numpy().round(4))
    [0.5 1.5]

    Reference:
        Kingma, Ba, "Adam: a method for stochastic optimization", ICLR 2015,
        https://arxiv.org/abs/1412.6980
    """

    memory = 2
    scale_invariant = True

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        m, v = self.averages(g, s)
        share, denominator = unbiased_root(v, self.beta_2, t, self.epsilon)
        change = -unbias(lr * share, self.beta_1, t) * m / denominator
        return change, {"momentum": m, "velocity": v}
