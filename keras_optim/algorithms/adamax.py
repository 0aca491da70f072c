"""Adamax: Adam with the largest recent gradient for a scale."""

from keras_optim.algorithms.maximum import MaximumMoments


class Adamax(MaximumMoments):
    r"""Adam in the infinity norm: a fading maximum in place of the root mean square.

    $$
    m_t = \beta_1 m_{t-1} + (1-\beta_1)\, g_t, \qquad
    u_t = \max(\beta_2\, u_{t-1},\; |g_t| + \epsilon), \qquad
    x_t = x_{t-1} - \frac{\eta}{1-\beta_1^t}\, \frac{m_t}{u_t}
    $$

    The maximum needs no bias correction, and no step is longer than the rate: calmer than Adam
    where gradients are sparse or spiky (embeddings), slower where a single spike is not
    typical, as $u$ forgets it only at the pace of `beta_2`. Tune as Adam, with about twice its
    rate.

    Differs from `keras.optimizers.Adamax`, which adds epsilon to the denominator
    ($m_t / (u_t + \epsilon)$; no difference where gradients are well above epsilon) and defaults
    to a rate of 0.001 and an epsilon of 1e-7. As here: `torch.optim.Adamax`, `optax.adamax`. The
    paper has no epsilon.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.002.
        beta_1: In [0, 1), decay of the mean of the gradient. Default 0.9.
        beta_2: In [0, 1), decay of the maximum. Default 0.999.
        epsilon: >= 1e-30, added to the size of the gradient. Default 1e-8.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: without momentum a gradient larger than all before is a step of exactly the rate.

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([1.0])
    >>> optimizer = keras_optim.Adamax(learning_rate=0.25, beta_1=0.0)
    >>> for g in (1.0, 10.0, 100.0):
    ...     optimizer.apply([np.array([g], "float32")], [x])
    ...     print(x.numpy().round(4))
    [0.75]
    [0.5]
    [0.25]

    Reference:
        Kingma, Ba, "Adam: a method for stochastic optimization", section 7.1, ICLR 2015,
        https://arxiv.org/abs/1412.6980
    """

    memory = 2
    scale_invariant = True
